/// How datasets are found: by name or slug, whatever the case.
public enum DatasetName {
    /// The form in which two names are compared: lowercase, whatever is no letter, digit, `_`, `.` or
    /// `-` as `-`, as in Honeycomb's slugs ("MyDataset!" is `mydataset-`).
    public static func key(_ name: String) -> String {
        // Fast path: the name is its own key, as nearly all are.
        let isKey = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if isKey { return name }
        return String(
            String.UnicodeScalarView(
                name.lowercased().unicodeScalars.map { scalar in
                    let isKept =
                        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                        || scalar == "_" || scalar == "." || scalar == "-"
                    return isKept ? scalar : "-"
                }))
    }
}
