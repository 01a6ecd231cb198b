/** What the ROI Manager holds, as a label image or a file. */
package org.samj.bridge.ij.export;
