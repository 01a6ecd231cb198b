/** The window beside the toolbar. */
package org.samj.bridge.ij.panel;
