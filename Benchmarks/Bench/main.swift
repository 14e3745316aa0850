import Glibc

// Measures the daemon beside its yardsticks and writes what it found as a table, as JSON and, when asked, into the documents.

guard let options = Options(CommandLine.arguments.dropFirst()) else {
  print(Options.usage)
  exit(2)
}
do {
  try Bench(options).run().write(to: options)
} catch {
  print("bench: \(error)")
  exit(1)
}
