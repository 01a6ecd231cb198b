/** Images as the segmenter sees them: planes, their pixels, and what was read already. */
package org.samj.bridge.ij.images;
