internal import Bytes
internal import Host

extension CommandSpec {
    static let serve = CommandSpec(
        "serve", summary: "Runs the server until it is told to stop.",
        options: Configuration.options + [
            OptionSpec("config", "FILE", help: "a JSON file with these options")
        ],
        example: "widefield serve --data ./data --listen 127.0.0.1:8080",
        run: { arguments, terminal throws(CommandFailure) in
            let configuration = try configuration(of: arguments)
            do throws(ServerError) {
                try Server.run(configuration)
            } catch {
                throw CommandFailure(.failed, error.description)
            }
        })
}

private func configuration(of arguments: ParsedArguments) throws(CommandFailure) -> Configuration {
    var values = arguments.values
    var file: (path: String, text: [UInt8])?
    if let path = values.removeValue(forKey: "config") {
        do throws(HostError) {
            let text = try Machine.real.files.readFile(
                path, limit: ServiceLimits.configurationBytesMax)
            file = (path, text)
        } catch {
            throw CommandFailure(.wrongUsage, "\(error)")
        }
    }
    do throws(ConfigurationError) {
        return try Configuration(arguments: values, file: file)
    } catch {
        throw CommandFailure(.wrongUsage, error.description)
    }
}
