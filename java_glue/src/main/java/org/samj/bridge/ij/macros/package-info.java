/** The lines of macros: how the recorder writes them, how the commands read them. */
package org.samj.bridge.ij.macros;
