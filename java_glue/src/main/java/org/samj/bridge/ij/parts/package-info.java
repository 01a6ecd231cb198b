/** Parts that windows are made of: icons, sections that fold, places on the screen. They know Swing alone. */
package org.samj.bridge.ij.parts;
