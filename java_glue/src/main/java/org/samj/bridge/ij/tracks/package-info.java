/** Objects through the planes of a stack: from what the ROI Manager holds, into it. */
package org.samj.bridge.ij.tracks;
