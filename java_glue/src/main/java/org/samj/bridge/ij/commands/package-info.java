/** What menus, macros and scripts call: a class for each command. ImageJ calls them by their names. */
package org.samj.bridge.ij.commands;
