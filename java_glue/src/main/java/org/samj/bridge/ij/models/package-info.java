/** Models in the panel: which one, what it is good for, what has to be done before it answers, what it runs on. */
package org.samj.bridge.ij.models;
