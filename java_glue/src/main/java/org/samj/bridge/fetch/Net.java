package org.samj.bridge.fetch;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.MalformedURLException;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLSocketFactory;
import org.samj.bridge.SegmenterException;

/**
 * Connections, through the proxy that holds: samj-bridge's setting, then the usual variables, then what Java is told,
 * which is ImageJ's own setting or the system's.
 */
public final class Net {

    private static final int CONNECT_MS = 20_000;
    /** A test waits less. */
    private static final int READ_MS = Integer.getInteger("samj.read_ms", 60_000);
    private static final int REDIRECTS = 6;

    private final Options options;
    private SSLSocketFactory trusted;

    public Net(Options options) {
        this.options = options;
    }

    /**
     * Ask for an address, and for where it leads.
     *
     * @return a connection whose answer has come: 200, or 206 where a part was asked for
     */
    public HttpURLConnection get(String address, Map<String, String> headers) throws IOException {
        if (options.offline()) {
            throw new SegmenterException("offline", "SAMJ may not use the network: offline is set.",
                "Take it out of " + "settings.toml, or unset SAMJ_OFFLINE.");
        }
        String next = address;
        String credentials = null;
        for (int i = 0; i < REDIRECTS; i++) {
            URL url = new URL(next);
            if (i == 0) {
                credentials = url.getUserInfo();
            }
            HttpURLConnection connection = open(withoutCredentials(url));
            if (credentials != null && new URL(address).getHost().equals(url.getHost())) {
                connection.setRequestProperty("Authorization", basic(credentials));
            }
            headers.forEach(connection::setRequestProperty);
            int status = connection.getResponseCode();
            if (status == 200 || status == 206) {
                return connection;
            }
            String location = connection.getHeaderField("Location");
            connection.disconnect();
            if (status < 300 || status >= 400 || location == null) {
                throw new HttpStatus(status, shown(next));
            }
            next = new URL(url, location).toString();
            if (url.getProtocol().equals("https") && !next.startsWith("https:")) {
                throw new IOException(shown(address) + " leads to " + shown(next) + ", which is not secure");
            }
        }
        throw new IOException(shown(address) + " leads on and on");
    }

    /** Variables that tell child processes of the proxy and the certificates that hold here. */
    public Map<String, String> variables() {
        Map<String, String> all = new HashMap<>();
        String proxy = options.get("proxy");
        if (proxy.isEmpty() && environment("https").isEmpty()) {
            // They know the variables themselves, but not what ImageJ or the system is told.
            Proxy own = javas("https://pypi.org");
            if (own.type() != Proxy.Type.DIRECT) {
                InetSocketAddress where = (InetSocketAddress) own.address();
                proxy = (own.type() == Proxy.Type.SOCKS ? "socks5://" : "http://") + where.getHostString() + ":"
                    + where.getPort();
            }
        }
        if (!proxy.isEmpty()) {
            for (String name : new String[] {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}) {
                all.put(name, proxy);
                all.put(name.toLowerCase(Locale.ROOT), proxy);
            }
        }
        if (!certificates().isEmpty()) {
            all.put("SSL_CERT_FILE", certificates());
        }
        return all;
    }

    /** An address without the password in it. */
    public static String shown(String address) {
        return address.replaceAll("(?<=//)[^/@]*@", "");
    }

    private HttpURLConnection open(URL url) throws IOException {
        String told = options.get("proxy");
        told = told.isEmpty() && !isExcluded(url.getHost()) ? environment(url.getProtocol()) : told;
        Proxy proxy = told.isEmpty() ? isExcluded(url.getHost()) ? Proxy.NO_PROXY : javas(url.toString()) : proxy(told);
        HttpURLConnection connection = (HttpURLConnection) url.openConnection(proxy);
        if (connection instanceof HttpsURLConnection) {
            if (trusted == null) {
                trusted = Trust.connections(certificates());
            }
            ((HttpsURLConnection) connection).setSSLSocketFactory(trusted);
        }
        connection.setInstanceFollowRedirects(false);
        connection.setConnectTimeout(CONNECT_MS);
        connection.setReadTimeout(READ_MS);
        connection.setUseCaches(false);
        connection.setRequestProperty("User-Agent", "samj-bridge/" + Facts.get("version") + " (ImageJ)");
        String password = told.isEmpty() ? null : uri(told).getUserInfo();
        if (password != null) {
            connection.setRequestProperty("Proxy-Authorization", basic(password));
        }
        return connection;
    }

    private String certificates() {
        String own = options.get("ca_bundle");
        for (String name : new String[] {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
            own = own.isEmpty() ? options.variable(name) : own;
        }
        return own;
    }

    private String environment(String protocol) {
        for (String name : new String[] {protocol.toUpperCase(Locale.ROOT) + "_PROXY", protocol + "_proxy", "ALL_PROXY",
            "all_proxy"}) {
            if (!options.variable(name).isEmpty()) {
                return options.variable(name);
            }
        }
        return "";
    }

    private boolean isExcluded(String host) {
        String list = options.variable("NO_PROXY").isEmpty() ? options.variable("no_proxy") : options.variable("NO_PROXY");
        for (String item : list.split("[,\\s]+")) {
            String name = item.replaceFirst("^\\*?\\.", "").replaceFirst(":\\d+$", "");
            if (item.equals("*") || !name.isEmpty() && (host.equals(name) || host.endsWith("." + name))) {
                return true;
            }
        }
        return false;
    }

    private static Proxy javas(String address) {
        ProxySelector selector = ProxySelector.getDefault();
        if (selector != null) {
            for (Proxy proxy : selector.select(URI.create(address))) {
                return proxy;
            }
        }
        return Proxy.NO_PROXY;
    }

    private static Proxy proxy(String told) {
        URI uri = uri(told);
        int port = uri.getPort() > 0 ? uri.getPort() : uri.getScheme().startsWith("socks") ? 1080 : 8080;
        return new Proxy(uri.getScheme().startsWith("socks") ? Proxy.Type.SOCKS : Proxy.Type.HTTP,
            new InetSocketAddress(uri.getHost(), port));
    }

    private static URI uri(String told) {
        try {
            URI uri = new URI(told.contains("://") ? told : "http://" + told);
            if (uri.getHost() != null) {
                return uri;
            }
        } catch (URISyntaxException wrong) {
            // The same as one without a host.
        }
        throw new SegmenterException("bad-proxy", "The proxy " + shown(told) + " is no address.",
            "Write it as http://proxy.example:8080, in settings.toml (proxy) or HTTPS_PROXY; signs such as @ in a password"
            + " as %40.");
    }

    private static URL withoutCredentials(URL url) throws MalformedURLException {
        return url.getUserInfo() == null ? url : new URL(url.getProtocol(), url.getHost(), url.getPort(), url.getFile());
    }

    private static String basic(String credentials) {
        String plain = credentials;
        try {
            plain = java.net.URLDecoder.decode(credentials.replace("+", "%2B"), "UTF-8");
        } catch (java.io.UnsupportedEncodingException | IllegalArgumentException wrong) {
            // It is meant as it stands.
        }
        return "Basic " + Base64.getEncoder().encodeToString(plain.getBytes(StandardCharsets.UTF_8));
    }

    /** A server's answer that is none. */
    public static final class HttpStatus extends IOException {

        private static final long serialVersionUID = 1L;

        /** Such as 404. */
        final int status;

        HttpStatus(int status, String address) {
            super("status " + status + " from " + address);
            this.status = status;
        }
    }
}
