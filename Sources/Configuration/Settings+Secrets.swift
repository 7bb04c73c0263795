import System

// Files with secrets, and who may read them.

extension Settings {
  /// What to tell a person about secrets that everybody on this host may read or change, a sentence each.
  ///
  /// No reason to refuse a start: a folder above may keep others out.
  package var exposedSecrets: [String] {
    [web.tokenFile, cookieSecretFile].compactMap { path in
      guard let path, let file = try? FileReader(path: path), file.isOpenToOthers else {
        return nil
      }
      return "others on this host may read or change the secret in \(path): chmod o-rwx \(path)"
    }
  }
}
