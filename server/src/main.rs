//! The `daytraded` program; all of it is in the library.

fn main() -> std::process::ExitCode {
    daytrade_server::main()
}
