/** Outlines and ImageJ's ROIs, both ways, exact to the pixel. Knows nothing of the rest. */
package org.samj.bridge.ij.rois;
