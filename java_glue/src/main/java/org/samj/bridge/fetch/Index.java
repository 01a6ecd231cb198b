package org.samj.bridge.fetch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A file of a Python package index, as PEP 503 and PEP 691 describe one: PyPI or a mirror of it. */
public final class Index implements Download.Source {

    /** PyPI's. */
    public static final String PYPI = "https://pypi.org/simple";
    private static final String ACCEPT =
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
    private static final Pattern LINK = Pattern.compile("<a\\s[^>]*?href\\s*=\\s*[\"']([^\"']+)[\"']",
        Pattern.CASE_INSENSITIVE);

    private final Net net;
    private final String index;
    private final String project;
    private final String file;

    public Index(Net net, String index, String project, String file) {
        this.net = net;
        this.index = index.replaceAll("/+$", "");
        this.project = project;
        this.file = file;
    }

    @Override
    public String name() {
        return Net.shown(index);
    }

    @Override
    public String address() throws IOException {
        String page = index + "/" + project + "/";
        HttpURLConnection connection = net.get(page, Collections.singletonMap("Accept", ACCEPT));
        String text;
        try (InputStream stream = connection.getInputStream()) {
            text = read(stream);
        }
        // Links are meant from where the page was in the end; a name and password belong to the whole index.
        String base = connection.getURL().toString();
        String link = text.trim().startsWith("{") ? fromJson(text) : fromHtml(text);
        if (link == null) {
            throw new IOException(Net.shown(page) + " has no " + file);
        }
        String address = new URL(new URL(base), link.replaceFirst("#.*", "")).toString();
        String credentials = new URL(page).getUserInfo();
        boolean same = new URL(page).getHost().equals(new URL(address).getHost());
        return credentials == null || !same ? address : address.replaceFirst("//", "//" + Matcher.quoteReplacement(credentials) + "@");
    }

    private String fromJson(String text) throws IOException {
        Map<?, ?> values;
        try {
            values = (Map<?, ?>) Json.read(text);
        } catch (RuntimeException wrong) {
            throw new IOException(name() + " answered with something else than an index");
        }
        Object files = values.get("files");
        for (Object item : files instanceof List ? (List<?>) files : Collections.emptyList()) {
            Map<?, ?> one = (Map<?, ?>) item;
            if (file.equals(one.get("filename"))) {
                return (String) one.get("url");
            }
        }
        return null;
    }

    private String fromHtml(String text) throws IOException {
        Matcher match = LINK.matcher(text);
        while (match.find()) {
            String link = match.group(1).replace("&amp;", "&");
            String path = link.replaceFirst("[?#].*", "");
            if (URLDecoder.decode(path.substring(path.lastIndexOf('/') + 1).replace("+", "%2B"), "UTF-8").equals(file)) {
                return link;
            }
        }
        return null;
    }

    private static String read(InputStream stream) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] buffer = new byte[1 << 16];
        for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
            all.write(buffer, 0, count);
        }
        return new String(all.toByteArray(), StandardCharsets.UTF_8);
    }
}
