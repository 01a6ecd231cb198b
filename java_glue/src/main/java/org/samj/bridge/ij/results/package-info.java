/** Accepted objects: in the ROI Manager or the overlay, with names, classes and colours. */
package org.samj.bridge.ij.results;
