import Codecs

extension JSONValue {
    /// A scalar as text: an integer without an exponent or a fraction of zeros (`2.0` is `2`), as another peer would have
    /// spelled it. nil for null, arrays and objects.
    var scalarText: String? {
        switch kind {
        case .string: return string
        case .boolean: return bool == true ? "true" : "false"
        case .number:
            guard let text = numberText else { return nil }
            if Int64(text) != nil { return text }
            guard let number = Double(text), number == number.rounded(), abs(number) < 9e15 else { return text }
            return String(Int64(number))
        case .null, .array, .object: return nil
        }
    }
}
