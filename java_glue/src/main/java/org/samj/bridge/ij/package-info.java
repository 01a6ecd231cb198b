/**
 * SAMJ in ImageJ 1.x. {@link org.samj.bridge.ij.Bridge} puts it there and takes it away again; ARCHITECTURE.md says
 * which package may use which.
 */
package org.samj.bridge.ij;
