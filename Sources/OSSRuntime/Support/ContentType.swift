/// Media types by the extension of an object's key.
package enum ContentType {
    /// What a key without a known extension gets.
    package static let fallback = "application/octet-stream"

    /// The media type for `key`.
    ///
    /// The extension is what follows the last dot of the last part of the key, in lower case. The system's own
    /// tables are not read: the answer is the same on every machine.
    package static func forKey(_ key: String) -> String {
        let name = key.utf8.suffix(while: { $0 != UInt8(ascii: "/") })
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return fallback }
        let fileExtension = name[name.index(after: dot)...]
        // No known extension is longer.
        guard !fileExtension.isEmpty, fileExtension.count <= 16 else { return fallback }
        return table[Substring(fileExtension).lowercased()] ?? fallback
    }

    static let table: [String: String] = [
        // Text and the web
        "txt": "text/plain", "text": "text/plain", "log": "text/plain", "conf": "text/plain", "ini": "text/plain",
        "htm": "text/html", "html": "text/html", "shtml": "text/html", "xhtml": "application/xhtml+xml",
        "css": "text/css", "csv": "text/csv", "tsv": "text/tab-separated-values", "md": "text/markdown",
        "markdown": "text/markdown", "ics": "text/calendar", "vcf": "text/vcard", "rtf": "application/rtf",
        "js": "application/javascript", "mjs": "application/javascript", "json": "application/json",
        "map": "application/json", "jsonl": "application/jsonl", "ndjson": "application/x-ndjson",
        "geojson": "application/geo+json", "jsonld": "application/ld+json", "webmanifest": "application/manifest+json",
        "xml": "application/xml", "xsl": "application/xml", "xsd": "application/xml", "dtd": "application/xml-dtd",
        "rss": "application/rss+xml", "atom": "application/atom+xml", "wasm": "application/wasm",
        "yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml", "sql": "application/sql",
        "vtt": "text/vtt", "srt": "application/x-subrip", "manifest": "text/cache-manifest",
        "appcache": "text/cache-manifest", "graphql": "application/graphql",
        // Programs
        "c": "text/x-c", "h": "text/x-c", "cc": "text/x-c", "cpp": "text/x-c", "hpp": "text/x-c",
        "java": "text/x-java-source", "py": "text/x-python", "rb": "text/x-ruby", "go": "text/x-go",
        "rs": "text/x-rust", "swift": "text/x-swift", "sh": "application/x-sh", "bat": "application/x-msdownload",
        "php": "application/x-httpd-php", "pl": "text/x-perl", "lua": "text/x-lua", "ts": "video/mp2t",
        "class": "application/java-vm", "jar": "application/java-archive", "war": "application/java-archive",
        "exe": "application/x-msdownload", "dll": "application/x-msdownload", "msi": "application/x-msdownload",
        "so": "application/octet-stream", "bin": "application/octet-stream",
        "deb": "application/vnd.debian.binary-package",
        "rpm": "application/x-rpm", "apk": "application/vnd.android.package-archive",
        "ipa": "application/octet-stream", "dmg": "application/x-apple-diskimage", "pkg": "application/octet-stream",
        "iso": "application/x-iso9660-image", "img": "application/octet-stream", "ipynb": "application/x-ipynb+json",
        // Images
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "png": "image/png", "apng": "image/apng",
        "gif": "image/gif", "webp": "image/webp", "avif": "image/avif", "heic": "image/heic", "heif": "image/heif",
        "bmp": "image/bmp", "ico": "image/x-icon", "tif": "image/tiff", "tiff": "image/tiff",
        "svg": "image/svg+xml", "svgz": "image/svg+xml", "psd": "image/vnd.adobe.photoshop", "jp2": "image/jp2",
        "jxl": "image/jxl", "jxr": "image/jxr", "dng": "image/x-adobe-dng", "cr2": "image/x-canon-cr2",
        "nef": "image/x-nikon-nef", "arw": "image/x-sony-arw", "tga": "image/x-tga", "wbmp": "image/vnd.wap.wbmp",
        "djvu": "image/vnd.djvu", "dwg": "image/vnd.dwg", "dxf": "image/vnd.dxf",
        // Sound
        "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg",
        "opus": "audio/opus", "wav": "audio/wav", "flac": "audio/flac", "amr": "audio/amr", "mid": "audio/midi",
        "midi": "audio/midi", "wma": "audio/x-ms-wma", "aif": "audio/x-aiff", "aiff": "audio/x-aiff",
        "weba": "audio/webm", "m3u": "audio/x-mpegurl", "ra": "audio/x-realaudio", "ape": "audio/x-ape",
        // Moving pictures
        "mp4": "video/mp4", "m4v": "video/x-m4v", "mpg": "video/mpeg", "mpeg": "video/mpeg", "mov": "video/quicktime",
        "qt": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska", "avi": "video/x-msvideo",
        "wmv": "video/x-ms-wmv", "asf": "video/x-ms-asf", "flv": "video/x-flv", "f4v": "video/x-f4v",
        "ogv": "video/ogg", "3gp": "video/3gpp", "3g2": "video/3gpp2", "m2ts": "video/mp2t",
        "m3u8": "application/vnd.apple.mpegurl", "mpd": "application/dash+xml",
        "rmvb": "application/vnd.rn-realmedia-vbr",
        "rm": "application/vnd.rn-realmedia", "swf": "application/x-shockwave-flash",
        // Documents
        "pdf": "application/pdf", "ps": "application/postscript", "eps": "application/postscript",
        "ai": "application/postscript", "epub": "application/epub+zip", "mobi": "application/x-mobipocket-ebook",
        "azw3": "application/vnd.amazon.ebook", "tex": "application/x-tex", "chm": "application/vnd.ms-htmlhelp",
        "doc": "application/msword", "dot": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
        "docm": "application/vnd.ms-word.document.macroEnabled.12",
        "xls": "application/vnd.ms-excel", "xlt": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xltx": "application/vnd.openxmlformats-officedocument.spreadsheetml.template",
        "xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
        "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
        "xlam": "application/vnd.ms-excel.addin.macroEnabled.12",
        "ppt": "application/vnd.ms-powerpoint", "pps": "application/vnd.ms-powerpoint",
        "pot": "application/vnd.ms-powerpoint",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "potx": "application/vnd.openxmlformats-officedocument.presentationml.template",
        "ppsx": "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
        "sldx": "application/vnd.openxmlformats-officedocument.presentationml.slide",
        "pptm": "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
        "vsd": "application/vnd.visio", "mpp": "application/vnd.ms-project", "mdb": "application/x-msaccess",
        "odt": "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
        "odp": "application/vnd.oasis.opendocument.presentation", "odg": "application/vnd.oasis.opendocument.graphics",
        "wps": "application/vnd.ms-works", "pages": "application/vnd.apple.pages",
        "numbers": "application/vnd.apple.numbers", "key": "application/vnd.apple.keynote",
        "msg": "application/vnd.ms-outlook", "eml": "message/rfc822",
        // Archives
        "zip": "application/zip", "gz": "application/gzip", "tgz": "application/gzip", "tar": "application/x-tar",
        "bz2": "application/x-bzip2", "xz": "application/x-xz", "zst": "application/zstd", "lz": "application/x-lzip",
        "lz4": "application/x-lz4", "7z": "application/x-7z-compressed", "rar": "application/vnd.rar",
        "cab": "application/vnd.ms-cab-compressed", "z": "application/x-compress", "br": "application/x-brotli",
        // Data, fonts, certificates
        "parquet": "application/vnd.apache.parquet", "avro": "application/avro", "orc": "application/x-orc",
        "sqlite": "application/vnd.sqlite3", "db": "application/octet-stream", "pcap": "application/vnd.tcpdump.pcap",
        "torrent": "application/x-bittorrent", "kml": "application/vnd.google-earth.kml+xml",
        "kmz": "application/vnd.google-earth.kmz", "gpx": "application/gpx+xml", "proto": "text/plain",
        "hdf5": "application/x-hdf5", "h5": "application/x-hdf5", "nc": "application/x-netcdf",
        "ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection", "woff": "font/woff", "woff2": "font/woff2",
        "eot": "application/vnd.ms-fontobject", "pem": "application/x-pem-file", "crt": "application/x-x509-ca-cert",
        "cer": "application/pkix-cert", "der": "application/x-x509-ca-cert", "p12": "application/x-pkcs12",
        "pfx": "application/x-pkcs12", "glb": "model/gltf-binary", "gltf": "model/gltf+json", "stl": "model/stl",
        "obj": "model/obj", "usdz": "model/vnd.usdz+zip",
    ]
}

extension BidirectionalCollection {
    fileprivate func suffix(while isPart: (Element) -> Bool) -> SubSequence {
        guard let separator = lastIndex(where: { !isPart($0) }) else { return self[...] }
        return self[index(after: separator)...]
    }
}
