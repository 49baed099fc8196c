import Glibc

extension ConfigurationSection {
    /// A secret, resolved: `{ credential: NAME }`, `{ file: PATH }` or `{ env: NAME }`. Never a plain value.
    package func secret(_ key: String, required: Bool = false) -> Secret? {
        secretReference(key, required: required)?.value
    }

    /// As `secret`, for those that are read again later.
    package func secretReference(_ key: String, required: Bool = false) -> SecretReference? {
        guard let node = value(key, required: required) else { return nil }
        guard case .mapping = node.content else {
            report(
                "'\(key)' is a secret and must not be written into the file", at: node.mark,
                hint: "write \(key): { credential: NAME }, { file: PATH } or { env: NAME }")
            return nil
        }
        guard let section = ConfigurationSection(node, title: "'\(key)'", reading: reading) else { return nil }
        let credential = section.string("credential")
        let file = section.string("file")
        let variable = section.string("env")
        section.finish()
        guard section.keys.count == 1 else {
            report(
                "'\(key)' needs exactly one of credential, file, env", at: node.mark,
                hint: "write \(key): { credential: NAME }, { file: PATH } or { env: NAME }")
            return nil
        }
        if let credential { return section.credential(credential) }
        if let file { return section.secretFile(file) }
        return variable.flatMap { section.variable($0) }
    }

    /// systemd guards its directory itself; the group bits there are the mask of an access list, so they are not judged.
    /// `LoadCredential=cti-bridge:DIRECTORY`, as in our unit, makes a file NAME in it arrive as `cti-bridge_NAME`.
    private func credential(_ name: String) -> SecretReference? {
        let mark = valueMark(of: "credential")
        guard !name.contains("/"), name != ".", name != ".." else {
            report("a credential has a name, not a path", at: mark, hint: "for a path write { file: PATH }")
            return nil
        }
        guard let directory = reading.places.credentials else {
            report(
                "no credentials here: CREDENTIALS_DIRECTORY is not set", at: mark,
                hint:
                    "systemd sets it for LoadCredential=; to try the file by hand set it to a directory that holds '\(name)'"
            )
            return nil
        }
        let fromDirectory = "\(directory)/cti-bridge_\(name)"
        let isFromDirectory = access("\(directory)/\(name)", F_OK) != 0 && access(fromDirectory, F_OK) == 0
        return content(
            of: isFromDirectory ? fromDirectory : "\(directory)/\(name)",
            called: "credential \(ConfigurationDiagnostic.quoted(name))", at: mark,
            isGuarded: true,
            hint: "add LoadCredential=\(name):PATH to the unit")
    }

    private func secretFile(_ path: String) -> SecretReference? {
        let mark = valueMark(of: "file")
        guard path.hasPrefix("/") else {
            report("a secret's file needs an absolute path", at: mark, hint: "begin it with /")
            return nil
        }
        return content(
            of: path, called: "secret file \(ConfigurationDiagnostic.quoted(path))", at: mark, isGuarded: false,
            hint: nil)
    }

    private func variable(_ name: String) -> SecretReference? {
        let mark = valueMark(of: "env")
        guard let text = reading.environment[name] else {
            report("environment variable \(ConfigurationDiagnostic.quoted(name)) is not set", at: mark)
            return nil
        }
        guard !text.isEmpty else {
            report("environment variable \(ConfigurationDiagnostic.quoted(name)) is empty", at: mark)
            return nil
        }
        return SecretReference(Secret(Array(text.utf8)))
    }

    private func content(
        of path: String, called name: String, at mark: ConfigurationMark, isGuarded: Bool, hint: String?
    ) -> SecretReference? {
        do {
            return try SecretReference(path: path, isGuarded: isGuarded)
        } catch .openToOthers {
            report("\(name) \(SecretReference.Failure.openToOthers)", at: mark, hint: "chmod 600 \(path)")
        } catch {
            report("\(name) \(error)", at: mark, hint: error == .unreadable(.system(ENOENT)) ? hint : nil)
        }
        return nil
    }
}
