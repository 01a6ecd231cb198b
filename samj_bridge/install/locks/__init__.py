"""Locks: the very packages of an environment. One file for each kind; `any` reads whichever it is."""
