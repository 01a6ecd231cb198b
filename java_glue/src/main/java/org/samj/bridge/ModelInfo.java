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
    /** Whether the user has to agree to the licence before an installation. */
    public final boolean licenceAsks;
    /** Page of the project that made it, where its licence can be read; empty: unknown. */
    public final String homepage;
    /** How a person gets the file, where no program can; empty: {@link Segmenter#install} fetches it. */
    public final String byHand;
    /** Bytes of its file that are here already, of an installation that was not finished. */
    public final long fetchedBytes;

    /** A model that needs no installation, or can't be installed from here. */
    public ModelInfo(String id, String title, boolean installed, long sizeBytes, String licence, String goodFor) {
        this(id, title, installed, sizeBytes, licence, goodFor, false, "", "", 0);
    }

    /** All fields. */
    public ModelInfo(String id, String title, boolean installed, long sizeBytes, String licence, String goodFor,
            boolean licenceAsks, String homepage, String byHand, long fetchedBytes) {
        this.id = id;
        this.title = title;
        this.installed = installed;
        this.sizeBytes = sizeBytes;
        this.licence = licence;
        this.goodFor = goodFor;
        this.licenceAsks = licenceAsks;
        this.homepage = homepage;
        this.byHand = byHand;
        this.fetchedBytes = fetchedBytes;
    }

    @Override
    public String toString() {
        return title;
    }
}
