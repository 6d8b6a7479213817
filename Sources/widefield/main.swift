import Glibc
import Service

exit(CommandLineTool.run(CommandLine.arguments))
