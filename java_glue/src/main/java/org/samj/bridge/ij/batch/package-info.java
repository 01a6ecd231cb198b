/** Many objects at once: ROIs or labels as prompts, or everything there is. */
package org.samj.bridge.ij.batch;
