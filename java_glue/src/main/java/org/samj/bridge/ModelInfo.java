package org.samj.bridge;

/** A model that can be chosen. */
public final class ModelInfo {

    /** Name for programs: {@code starter}. */
    public final String id;
    /** What it is, in a line. */
    public final String title;
    /** Whether its weights are on this machine. */
    public final boolean installed;
    /** Size of its download in bytes; 0 where it needs none or nobody knows. */
    public final long sizeBytes;
    /** Licence of its weights. */
    public final String licence;
    /** What it is good for. */
    public final String goodFor;

    /** All fields. */
    public ModelInfo(String id, String title, boolean installed, long sizeBytes, String licence, String goodFor) {
        this.id = id;
        this.title = title;
        this.installed = installed;
        this.sizeBytes = sizeBytes;
        this.licence = licence;
        this.goodFor = goodFor;
    }

    @Override
    public String toString() {
        return title;
    }
}
