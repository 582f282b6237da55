/// What can be said about one waiter by looking at it alone.
extension Resolver {
    mutating func waiter(_ syntax: WaiterSyntax) -> Waiter {
        let name = syntax.name
        if syntax.doc == nil { diagnostics.error("waiter '\(name.value)' has no 'doc'", at: name.location) }
        let waiter = Waiter(
            name: name, doc: syntax.doc?.value ?? "", minDelay: syntax.minDelay?.value ?? Waiter.defaultMinDelay,
            maxDelay: syntax.maxDelay?.value ?? Waiter.defaultMaxDelay, acceptors: syntax.acceptors.map { acceptor($0) }
        )
        if waiter.minDelay < 1 || waiter.minDelay > waiter.maxDelay {
            diagnostics.error(
                "'minDelay' (\(waiter.minDelay)) must be from 1 to 'maxDelay' (\(waiter.maxDelay))",
                at: syntax.minDelay?.location ?? syntax.maxDelay?.location ?? name.location)
        }
        if !waiter.acceptors.contains(where: { $0.state == .success || $0.state == nil }) {
            diagnostics.error("waiter '\(name.value)' has no acceptor with the state 'success'", at: name.location)
        }
        return waiter
    }

    private mutating func acceptor(_ syntax: AcceptorSyntax) -> Acceptor {
        var state: Acceptor.State?
        if let text = syntax.state {
            let known = Acceptor.State.allCases.map(\.rawValue)
            state = Acceptor.State(rawValue: text.value)
            if state == nil {
                diagnostics.error(
                    "unknown state '\(text.value)'", at: text.location,
                    hint: didYouMean(text.value, known) ?? "one of \(known.joined(separator: ", "))")
            }
        }
        let matcher = matcher(syntax)
        if let message = syntax.message {
            if state != .failure || matcher?.isOfResult == false {
                diagnostics.error("'message' is for a 'failure' that a result means", at: message.location)
            }
        } else if state == .failure, matcher?.isOfResult == true {
            diagnostics.error(
                "an acceptor that takes a result for a 'failure' needs 'message'", at: syntax.location,
                hint: "what the error says")
        }
        return Acceptor(location: syntax.location, state: state, matcher: matcher, message: syntax.message?.value)
    }

    private mutating func matcher(_ syntax: AcceptorSyntax) -> Acceptor.Matcher? {
        let found = [
            syntax.success.map { ("success", $0) }, syntax.errorCode.map { ("errorCode", $0.location) },
            syntax.output.map { ("output", $0.location) },
        ].compactMap { $0 }
        if found.isEmpty {
            diagnostics.error(
                "an acceptor needs something to match", at: syntax.location, hint: "one of success, errorCode, output")
        } else if found.count > 1 {
            diagnostics.error(
                "an acceptor with \(found.count) matchers: "
                    + found.map { "'\($0.0)'" }.joined(separator: ", "), at: found[1].1, hint: "keep one")
        }
        if let status = syntax.status {
            if syntax.errorCode == nil {
                diagnostics.error("'status' narrows an 'errorCode'", at: status.location)
            } else if !(300...599).contains(status.value) {
                diagnostics.error("\(status.value) is not the status of an error", at: status.location)
            }
        }
        if let text = syntax.contains, syntax.output == nil {
            diagnostics.error("'contains' is for the member that 'output' names", at: text.location)
        }
        if let output = syntax.output, syntax.contains == nil {
            diagnostics.error("'output' needs 'contains', the text to look for", at: output.location)
        }
        if let code = syntax.errorCode { return .error(code: code.value, status: syntax.status?.value) }
        if let output = syntax.output { return .output(output, contains: syntax.contains?.value ?? "") }
        return syntax.success.map { _ in .result }
    }
}
