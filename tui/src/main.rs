//! The `daytrade` program. Its code is in the library.

fn main() -> std::process::ExitCode {
    daytrade_tui::cli::main()
}
