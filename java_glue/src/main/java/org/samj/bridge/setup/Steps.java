package org.samj.bridge.setup;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.samj.bridge.Segmenter.Progress;
import org.samj.bridge.SegmenterException;
import org.samj.bridge.fetch.Download;
import org.samj.bridge.fetch.Facts;
import org.samj.bridge.fetch.Index;
import org.samj.bridge.fetch.Net;
import org.samj.bridge.fetch.Options;
import org.samj.bridge.fetch.Trouble;
import org.samj.bridge.fetch.Unpack;
import org.samj.bridge.setup.SetUp.Job;
import org.samj.bridge.setup.SetUp.State;

/**
 * The steps, from nothing to a worker that answers: uv, a Python, samj-bridge in it, and its own set-up. Each is made
 * beside what is there and gets its name last, so that a kill at any point leaves what was, or what the next try uses.
 */
final class Steps {

    private static final String PYTHON = "3.12";
    private static final String PYTHONS = ">=3.10,<3.15";
    private static final String RELEASES = "https://github.com/astral-sh/uv/releases/download/";
    private static final long ROOM = 2_000_000_000L;

    private final Place place;
    private final Options options;
    private final Net net;
    private final Progress progress;

    Steps(Place place, Progress progress) {
        this.place = place;
        this.options = Options.now(place.home);
        this.net = new Net(options);
        this.progress = progress;
    }

    /** Do what is asked for; one program at a time. `proof`: starts a worker that stays; null: nobody keeps one. */
    void run(Job job, Consumer<Progress> proof) {
        Spelling.check(place.home);
        Path lock = place.home.resolve("setup.lock");
        try {
            Files.createDirectories(place.home);
            try (Turn turn = Turn.take(lock, progress)) {
                if (job == Job.REMOVE) {
                    new Removal(place, progress).all();
                } else if (job != Job.SET_UP || !turn.waited() || place.state() != State.READY) {
                    Files.createDirectories(place.hosts);
                    make(job, proof);
                }
            }
            if (job == Job.REMOVE) {
                Files.deleteIfExists(lock);
                Removal.ifEmpty(place.home);
            }
        } catch (IOException error) {
            throw Trouble.disk(error, "setting up in " + place.home);
        }
    }

    /** The samj-bridge that is in use. */
    Samj samj() {
        return new Samj(place, variables());
    }

    private void make(Job job, Consumer<Progress> proof) throws IOException {
        boolean anew = job == Job.REPAIR;
        State first = place.state();
        Path before = place.host();
        boolean needed = anew || before == null || Place.older(place.version(), Place.VERSION)
            || !Files.isRegularFile(Place.interpreter(before));
        if (needed) {
            checkRoom(before == null ? ROOM : ROOM / 4);
            Path uv = uv();
            host(uv, python(uv));
        }
        if (job == Job.HOST) {
            return;
        }
        Samj samj = samj();
        if (anew) {
            repair(samj);
        }
        progress.tell("4 of 4: Making the environment for the networks", -1);
        if (proof != null && (first == State.ABSENT || first == State.UNFINISHED)) {
            // Loading torch takes most of a start: the worker that shows that all works is the one that goes on working.
            samj.run(numbered(4), "env", "create", "--progress-lines");
            proof.accept(numbered(4));
        } else {
            // Somebody may be drawing with the worker of before.
            samj.run(numbered(4), "setup", "--progress-lines");
        }
        new Removal(place, progress).oldHosts(before);
    }

    private void repair(Samj samj) {
        try {
            samj.run(numbered(4), "env", "repair", "--progress-lines");
        } catch (SegmenterException error) {
            if (!error.code().equals("no-environment")) {
                throw error;
            }
        }
    }

    private void checkRoom(long needed) throws IOException {
        long free = Files.getFileStore(place.home).getUsableSpace();
        if (free < needed) {
            throw new SegmenterException("no-space", "There are " + free / 1_000_000 + " MB free for " + place.home
                + "; setting up needs " + needed / 1_000_000 + " MB at least.", "Make room, or choose another folder by Java's"
                + " option -Dsamj.home=FOLDER or SAMJ_HOME.");
        }
    }

    /** The uv of this jar: what is there, what a person has put there, or what is fetched. */
    private Path uv() throws IOException {
        String version = Facts.get("uv");
        String platform = Facts.platform();
        String name = Place.WINDOWS ? "uv.exe" : "uv";
        Path uv = place.tools.resolve("uv-" + version).resolve(name);
        if (!Files.isRegularFile(uv)) {
            progress.tell("1 of 4: Fetching uv", -1);
            Files.createDirectories(place.tools);
            String wheel = Facts.get(platform + ".wheel");
            String archive = Facts.get(platform + ".archive");
            String byHand = "Or fetch " + wheel + " (https://pypi.org/project/uv/" + version + "/#files) or " + archive + " ("
                + RELEASES + version + "/" + archive + ") with another computer, put it into " + place.tools
                + ", and press the button again.";
            Path got = byHand(wheel, platform + ".wheel.sha256");
            got = got == null ? byHand(archive, platform + ".archive.sha256") : got;
            if (got == null) {
                got = fetch(version, platform, byHand);
            }
            Unpack.one(got, name, uv);
            Files.delete(got);
        }
        // Only now, and again where a try was ended just before: what is no verified program must not run.
        if (!uv.toFile().setExecutable(true)) {
            throw new SegmenterException("no-permission", uv + " can't be made a program.", "Choose a folder that is yours by"
                + " SAMJ_HOME or Java's option -Dsamj.home=FOLDER.");
        }
        return uv;
    }

    private Path fetch(String version, String platform, String byHand) {
        Progress first = numbered(1);
        String what = "uv " + version;
        String own = options.index();
        String index = own.isEmpty() ? Index.PYPI : own;
        Path wheel = place.tools.resolve(Facts.get(platform + ".wheel"));
        try {
            Download.Source[] sources = {new Index(net, index, "uv", wheel.getFileName().toString())};
            Download.fetch(net, sources, wheel, Facts.get(platform + ".wheel.sha256"), what, byHand, first);
            return wheel;
        } catch (SegmenterException error) {
            // A laboratory that names an index of its own wants nothing else to be asked.
            if (error.code().equals("cancelled") || error.code().equals("offline") || !own.isEmpty()) {
                throw error;
            }
            Path archive = place.tools.resolve(Facts.get(platform + ".archive"));
            try {
                String address = RELEASES + version + "/" + archive.getFileName();
                Download.fetch(net, new Download.Source[] {new Fixed(address, "github.com")}, archive,
                    Facts.get(platform + ".archive.sha256"), what, byHand, first);
                return archive;
            } catch (SegmenterException second) {
                throw second.code().equals("cancelled") ? second : error;
            }
        }
    }

    private Path byHand(String name, String fact) throws IOException {
        Path file = place.tools.resolve(name);
        if (!Files.isRegularFile(file)) {
            return null;
        }
        if (!Download.sha256(file).equals(Facts.get(fact))) {
            throw new SegmenterException("hash-mismatch", file + " is not the file that it should be: its sha256 is another"
                + " one.", "Fetch it again, or remove it.");
        }
        return file;
    }

    /** A Python to base ours on: one of the user's choice, one that uv fetches, or one that is on this computer. */
    private Path python(Path uv) {
        if (!options.get("python").isEmpty()) {
            return java.nio.file.Paths.get(options.get("python"));
        }
        Path found = found(uv, "--managed-python");
        if (found != null) {
            return found;
        }
        Child fetched = null;
        if (!options.offline()) {
            progress.tell("2 of 4: Fetching Python " + PYTHON + " (about 35 MB)", -1);
            fetched = run(uv, numbered(2), "python", "install", PYTHON, "--no-bin", "--no-progress");
            found = fetched.code == 0 ? found(uv, "--managed-python") : null;
        }
        if (found == null) {
            progress.tell("2 of 4: Looking for a Python on this computer", -1);
            found = found(uv, "--no-managed-python");
        }
        if (found == null) {
            throw new SegmenterException("no-python", "Python could not be fetched"
                + (fetched == null ? " (offline is set)" : ": " + fetched.last) + ". And there is none from 3.10 to 3.14 on this"
                + " computer.", "Press the button again when github.com can be reached; or install Python from python.org; or"
                + " name a mirror in settings.toml (python_mirror), or an interpreter (python).");
        }
        return found;
    }

    private Path found(Path uv, String which) {
        Child child = run(uv, progress, "python", "find", PYTHONS, which, "--system", "--no-python-downloads", "--no-project");
        String path = child.output.trim();
        return child.code != 0 || path.isEmpty() ? null : java.nio.file.Paths.get(path);
    }

    /** A Python of our own with samj-bridge in it, in a folder of its own, which is used from the end on. */
    private void host(Path uv, Path base) throws IOException {
        Path host = place.hosts.resolve(Place.VERSION + "-" + place.nextNumber());
        progress.tell("3 of 4: Installing samj-bridge " + Place.VERSION, -1);
        check(run(uv, progress, "venv", "--no-project", "--python", base.toString(), host.toString()), "making " + host);
        List<String> install = new ArrayList<>(Arrays.asList("pip", "install", "--no-progress", "--python",
            Place.interpreter(host).toString()));
        if (!options.index().isEmpty()) {
            install.addAll(Arrays.asList("--default-index", options.index()));
        }
        if (options.offline()) {
            install.add("--offline");
        }
        Path wheel = bundled();
        install.add(wheel == null ? "samj-bridge==" + Place.VERSION : wheel.toString());
        check(run(uv, numbered(3), install.toArray(new String[0])), "installing samj-bridge");
        place.use(host);
    }

    /** The samj-bridge that lies in the jar; null: it comes from the package index. */
    private Path bundled() throws IOException {
        String name = "samj_bridge-" + Place.VERSION + "-py3-none-any.whl";
        try (InputStream stream = Steps.class.getResourceAsStream(name)) {
            if (stream == null) {
                return null;
            }
            Path wheel = Files.createDirectories(place.tools).resolve(name);
            Files.copy(stream, wheel, StandardCopyOption.REPLACE_EXISTING);
            return wheel;
        }
    }

    private void check(Child child, String doing) {
        if (child.code != 0) {
            throw Uv.error(child.last, doing, options.offline());
        }
    }

    private Child run(Path uv, Progress teller, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(uv.toString());
        command.addAll(Arrays.asList(arguments));
        return Child.run(command, place.home, variables(), line -> Uv.tell(line, teller), teller);
    }

    private Map<String, String> variables() {
        Map<String, String> all = new HashMap<>(net.variables());
        all.put("UV_PYTHON_INSTALL_DIR", place.pythons.toString());
        all.put("UV_NO_MODIFY_PATH", "1");
        all.put("NO_COLOR", "1");
        // The certificates that the system trusts, a company's among them, as Java does.
        all.put("UV_SYSTEM_CERTS", "1");
        all.put("UV_NATIVE_TLS", "1");
        if (options.variable("UV_HTTP_RETRIES").isEmpty()) {
            all.put("UV_HTTP_RETRIES", "2");
        }
        if (!options.get("python_mirror").isEmpty()) {
            all.put("UV_PYTHON_INSTALL_MIRROR", options.get("python_mirror"));
        }
        return all;
    }

    private Progress numbered(int step) {
        return new Progress() {
            @Override
            public void tell(String message, double fraction) {
                progress.tell(step + " of 4: " + message, fraction);
            }

            @Override
            public boolean isCancelled() {
                return progress.isCancelled();
            }
        };
    }

    /** A file whose address is known. */
    private static final class Fixed implements Download.Source {

        private final String address;
        private final String name;

        Fixed(String address, String name) {
            this.address = address;
            this.name = name;
        }

        @Override
        public String address() {
            return address;
        }

        @Override
        public String name() {
            return name;
        }
    }
}
