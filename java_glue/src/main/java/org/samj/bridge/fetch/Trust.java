package org.samj.bridge.fetch;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.samj.bridge.SegmenterException;

/**
 * Whom connections trust: whom this Java does, whom the system does, and whom the user names. Fiji brings a Java with a
 * list of its own, which knows nothing of a company's certificate that the system has.
 */
final class Trust {

    private static final String[] SYSTEMS = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    private static final String[] STORES = {"Windows-ROOT", "KeychainStore"};

    private Trust() {
    }

    /**
     * Makes secure connections.
     *
     * @param bundle file of certificates that the user names; empty: none
     */
    static SSLSocketFactory connections(String bundle) {
        try {
            Set<Certificate> all = new LinkedHashSet<>();
            for (TrustManager manager : managers(null)) {
                if (manager instanceof X509TrustManager) {
                    X509Certificate[] known = ((X509TrustManager) manager).getAcceptedIssuers();
                    Collections.addAll(all, known);
                }
            }
            systems(all);
            if (!bundle.isEmpty()) {
                named(Paths.get(bundle), all);
            }
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int number = 0;
            for (Certificate certificate : all) {
                store.setCertificateEntry("ca" + number++, certificate);
            }
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers(store), null);
            return context.getSocketFactory();
        } catch (GeneralSecurityException | IOException error) {
            throw SegmenterException.of(error);
        }
    }

    private static TrustManager[] managers(KeyStore store) throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    private static void named(Path bundle, Set<Certificate> all) {
        try {
            read(bundle, all);
        } catch (GeneralSecurityException | IOException error) {
            throw new SegmenterException("bad-certificates", "The file of certificates " + bundle + " can't be read: "
                + error.getMessage() + ".", "Correct ca_bundle in settings.toml, or the variable SSL_CERT_FILE: a file with"
                + " certificates as text (PEM).");
        }
    }

    private static void systems(Set<Certificate> all) {
        for (String file : SYSTEMS) {
            try {
                if (Files.isReadable(Paths.get(file))) {
                    read(Paths.get(file), all);
                    break;
                }
            } catch (GeneralSecurityException | IOException odd) {
                // Java's own are there.
            }
        }
        for (String name : STORES) {
            try {
                KeyStore store = KeyStore.getInstance(name);
                store.load(null, null);
                for (String alias : Collections.list(store.aliases())) {
                    if (store.isCertificateEntry(alias)) {
                        all.add(store.getCertificate(alias));
                    }
                }
            } catch (GeneralSecurityException | IOException none) {
                // Of another system.
            }
        }
    }

    private static void read(Path file, Set<Certificate> all) throws GeneralSecurityException, IOException {
        try (InputStream stream = Files.newInputStream(file)) {
            all.addAll(CertificateFactory.getInstance("X.509").generateCertificates(stream));
        }
    }
}
