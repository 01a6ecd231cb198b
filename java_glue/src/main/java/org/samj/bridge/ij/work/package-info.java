/** What all of it shares: the one thread that talks to the segmenter, what the user is told, the log. */
package org.samj.bridge.ij.work;
