/** All that an ImageJ without Python needs, fetched and made from Java; it knows no ImageJ. */
package org.samj.bridge.setup;
