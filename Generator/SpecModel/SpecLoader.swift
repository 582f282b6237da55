/// Read → Resolve → Validate for one service, from the text of its files.
public struct SpecLoader {
    /// `files` are `service.json` and one file per feature, in any order. Nil when there is no service to speak of.
    public static func load(
        folder: String, files: [SourceFile], _ diagnostics: inout Diagnostics
    ) -> Service? {
        var reader = SpecReader()
        let service = read(folder: folder, files, &reader)
        diagnostics.append(reader.diagnostics.all)
        return service.map { service, features in
            let resolved = Resolver.resolve(service, features, folder: folder, &diagnostics)
            Validator.validate(resolved, &diagnostics)
            return resolved
        }
    }

    private static func read(
        folder: String, _ files: [SourceFile], _ reader: inout SpecReader
    ) -> (ServiceSyntax, [FeatureSyntax])? {
        var service: ServiceSyntax?
        var features: [FeatureSyntax] = []
        for file in files.sorted(by: { $0.path < $1.path }) {
            if file.stem == "service" {
                service = reader.readService(file)
            } else if let feature = reader.readFeature(file) {
                features.append(feature)
            }
        }
        guard let service else {
            if let file = files.first, !files.contains(where: { $0.stem == "service" }) {
                reader.diagnostics.error(
                    "the folder has no service.json", at: SourceLocation(file: file, offset: 0))
            }
            return nil
        }
        if service.service.value != folder {
            reader.diagnostics.error(
                "service '\(service.service.value)' is in the folder '\(folder)'", at: service.service.location)
        }
        return (service, features)
    }
}
