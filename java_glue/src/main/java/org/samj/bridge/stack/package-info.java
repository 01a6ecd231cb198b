/** Objects through the planes of a stack, with any segmenter: what samj_bridge/session/stack does, for who has no Python. */
package org.samj.bridge.stack;
