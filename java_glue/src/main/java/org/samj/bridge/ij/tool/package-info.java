/** The toolbar's tool: from a click to an object, with the mouse, keys and images that it listens to. */
package org.samj.bridge.ij.tool;
