public enum DescriptorLimit { public static func raise() {} }
public typealias RandomPool = SystemRandomNumberGenerator
public enum FileReader { public static func text(of: String, atMost: Int) throws -> String { "" } }
