import SpecModel

extension Lowering {
    func wait(_ operation: Operation, _ waiter: Waiter) -> Function {
        let result = names.result(operation)
        let delays = ["minDelay: .seconds(\(waiter.minDelay))", "maxDelay: .seconds(\(waiter.maxDelay))"]
        let arguments =
            [SwiftLiteral.string(waiter.name.value)] + delays
            + waiter.acceptors.compactMap { acceptor($0, of: operation) }
        let wait = "try await wait(waiter, request, timeout, options)"
        return Function(
            doc: [
                waiter.doc,
                "Sends ``\(names.method(operation))(_:options:)`` again and again for up to `timeout`, then throws an "
                    + "`OSSError` of kind `timeout`.",
            ], deprecated: operation.deprecated,
            head: "\(waiter.endsWithResult ? "@discardableResult " : "")public func \(names.method(waiter))",
            parameters: [
                "_ request: \(names.request(operation))", "timeout: Duration = .seconds(300)",
                "options: CallOptions = .init()",
            ],
            suffix: "async throws" + (waiter.endsWithResult ? " -> \(result)" : ""),
            body: [
                .call(head: "let waiter = Waiter<\(result)>(", arguments: arguments),
                .line(waiter.endsWithResult ? "return \(wait).get()" : "_ = \(wait)"),
            ])
    }

    private func acceptor(_ acceptor: Acceptor, of operation: Operation) -> String? {
        guard let state = acceptor.state, let matcher = acceptor.matcher else { return nil }
        let message = acceptor.message.map { ", \(SwiftLiteral.string($0))" } ?? ""
        switch matcher {
        case .error(let code, let status):
            return ".error(\(SwiftLiteral.string(code))\(status.map { ", status: \($0)" } ?? ""), .\(state))"
        case .result: return ".result(.\(state)\(message))"
        case .output(let name, let text):
            guard let member = operation.output.first(where: { $0.key.value == name.value }) else { return nil }
            let value = "$0.\(names.member(member))" + (member.isRequired ? "" : "?")
            let test = "\(value).contains(\(SwiftLiteral.string(text)))" + (member.isRequired ? "" : " == true")
            return ".result(.\(state)\(message)) { \(test) }"
        }
    }
}
