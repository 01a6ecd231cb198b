/** Files from the network, verified: settings, proxies, package indexes, archives, and what goes wrong with them in words. */
package org.samj.bridge.fetch;
