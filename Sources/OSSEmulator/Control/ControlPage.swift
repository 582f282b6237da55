enum ControlPage {
    static let response = Response(
        headers: [HeaderField(name: "Content-Type", value: "text/html; charset=utf-8")],
        body: .bytes(Array("<!doctype html>".utf8)))
}
