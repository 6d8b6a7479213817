/// How datasets are found: by name or slug, whatever the case.
public enum DatasetName {
    /// The form in which two names are compared: lowercase, whatever is no letter, digit, `_`, `.` or
    /// `-` as `-`, as in Honeycomb's slugs ("MyDataset!" is `mydataset-`).
    public static func key(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.lowercased().unicodeScalars.map { scalar in
                    let isKept =
                        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                        || scalar == "_" || scalar == "." || scalar == "-"
                    return isKept ? scalar : "-"
                }))
    }
}
