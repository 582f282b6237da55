import OSSRuntime
import Testing

@Suite struct ContentTypeTests {
    @Test(
        "body-mime: known extensions",
        arguments: [
            ("a.txt", "text/plain"), ("a.html", "text/html"), ("a.json", "application/json"), ("A.JPG", "image/jpeg"),
            ("dir.d/photo.PNG", "image/png"), ("archive.tar.gz", "application/gzip"), ("movie.mp4", "video/mp4"),
            ("照片.webp", "image/webp"), ("/a.pdf", "application/pdf"), (".txt", "text/plain"),
            ("a.js", "application/javascript"),
            ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ("a.xltx", "application/vnd.openxmlformats-officedocument.spreadsheetml.template"),
            ("a.potx", "application/vnd.openxmlformats-officedocument.presentationml.template"),
            ("a.ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow"),
            ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
            ("a.sldx", "application/vnd.openxmlformats-officedocument.presentationml.slide"),
            ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            ("a.dotx", "application/vnd.openxmlformats-officedocument.wordprocessingml.template"),
            ("a.xlam", "application/vnd.ms-excel.addin.macroEnabled.12"),
            ("a.xlsb", "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
            ("a.apk", "application/vnd.android.package-archive"),
        ])
    func known(key: String, type: String) {
        #expect(ContentType.forKey(key) == type)
    }

    @Test(
        "body-mime: no or unknown extensions",
        arguments: [
            "", "a", "dir/a", "dir.txt/a", "a.", "dir/a.", ".", "..", "a.unknown", "a.txt/", "a. txt", "a.tx t", "a.文本",
            "a.averyveryverylongextension",
        ])
    func unknown(key: String) {
        #expect(ContentType.forKey(key) == "application/octet-stream")
    }
}
