/// A self-signed certificate for `localhost` and 127.0.0.1, with its key. For tests on this machine only.
///
/// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500`.
public enum TestCertificate {
    /// The certificate, in PEM.
    public static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUGgAwIBAgIUAZiOGUORR9wFM9xfJJLb3hUgsmAwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAyMDMzM1oYDzIxMjYxMDI4
        MDIwMzMzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASZYepxCNMUoaJifby5Si1rz7u5jnli0POGaV1mouNgYJe6pf137DqN
        URdBNHDSrDJb91vxL5HJOqdEmsivz+47o28wbTAdBgNVHQ4EFgQUbhWYCBxy72tI
        LuK7JXEqPcN/kIMwHwYDVR0jBBgwFoAUbhWYCBxy72tILuK7JXEqPcN/kIMwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDRwAwRAIgTH0MTAGGz8ujh6zRv0hUkMeMZ5N20JvT+WfcbhnIPBMCIB3U
        r3yffh2Gglmmq8FoWLETWu9hlG9L097kM4Bak+e2
        -----END CERTIFICATE-----
        """

    /// Its private key, in PEM.
    public static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUVGDo8qpR8pGkKPu
        zKQzK1+6FoYen6yEp7K2XG5EJEyhRANCAASZYepxCNMUoaJifby5Si1rz7u5jnli
        0POGaV1mouNgYJe6pf137DqNURdBNHDSrDJb91vxL5HJOqdEmsivz+47
        -----END PRIVATE KEY-----
        """
}
