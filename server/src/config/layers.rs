//! Where options come from: the command line, then the environment, then a file, then defaults.
//!
//! The options of the file and of the environment are put into the command line where it does not
//! name them, so that one parser checks all. A name or a value that is not understood is an error
//! that says where it stands; nothing is passed over.

use super::Cli;
use super::file::ConfigFile;
use clap::{ArgAction, Command, CommandFactory as _, FromArgMatches as _};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The file that is read if none is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/daytraded/daytraded.toml";
/// What names of variables begin with.
const PREFIX: &str = "DAYTRADED_";
/// The variable, and the option, that name the file.
const CONFIG: &str = "config";
/// Options that say what to do, and are not settings.
const NO_SETTINGS: [&str; 4] = [CONFIG, "print-config", "help", "version"];
/// Settings that other commands than serving share with the server.
const SHARED: [&str; 5] =
    ["data-dir", "cluster-name", "cluster-creds", "cluster-ca", "cluster-monitor"];

/// Settings that a running server takes over.
const RELOADED: [&str; 8] = [
    "log-level",
    "memory-limit",
    "idle-timeout",
    "login-connections",
    "address-connections",
    "login-rate",
    "price-rate",
    "trusted-net",
];

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    CommandLine,
    Variable(String),
    File { path: PathBuf, line: usize },
}

/// Why a command line was not understood.
#[derive(Debug)]
pub(crate) enum Misconfigured {
    /// A mistake on the command line, or a wish for help.
    CommandLine(clap::Error),
    /// A mistake in the file or in a variable, with where it stands.
    Setting(String),
}

/// A command line with the settings of all sources.
pub(crate) struct Layered {
    pub cli: Cli,
    matches: clap::ArgMatches,
    /// Where each setting that is not a default comes from.
    origins: BTreeMap<String, Origin>,
}

/// The sources of settings, read from the process or made by a test.
pub(crate) struct Sources {
    /// The command line, beginning with the program's name.
    pub args: Vec<OsString>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The file that is read if it exists and none is named.
    pub default_file: PathBuf,
}

impl Sources {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        Self {
            args: std::env::args_os().collect(),
            variables: std::env::vars_os().collect(),
            default_file: PathBuf::from(DEFAULT_FILE),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let name = variable_of(name);
        let found = self.variables.iter().find(|(key, _)| key == OsStr::new(&name));
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    }

    /// Returns the value of an option of the command line.
    fn option(&self, name: &str) -> Option<OsString> {
        let (alone, with) = (format!("--{name}"), format!("--{name}="));
        let at = self.args.iter().position(|arg| is_option(arg, &alone))?;
        let text = self.args.get(at)?.to_string_lossy();
        text.strip_prefix(&with).map(OsString::from).or_else(|| self.args.get(at + 1).cloned())
    }

    /// Returns the file to read: one that is named has to exist.
    fn file(&self) -> Result<Option<ConfigFile>, Misconfigured> {
        let named = self.option(CONFIG).or_else(|| self.variable(CONFIG).map(Into::into));
        let path = match named {
            Some(path) if path.is_empty() => return Ok(None),
            Some(path) => PathBuf::from(path),
            None if self.default_file.exists() => self.default_file.clone(),
            None => return Ok(None),
        };
        ConfigFile::read(&path).map(Some).map_err(Misconfigured::Setting)
    }

    /// Parses the command line together with the other sources.
    ///
    /// # Errors
    /// The first mistake of any of them.
    pub(crate) fn parse(&self) -> Result<Layered, Misconfigured> {
        let root = Cli::command();
        let commands = commands_of(&root, &self.args);
        let wants_help = self.args.iter().skip(1).any(|arg| {
            ["-h", "--help", "-V", "--version"].iter().any(|option| arg == OsStr::new(option))
        });
        let mut args = self.args.clone();
        let mut origins = BTreeMap::new();
        if !wants_help {
            let file = self.file()?;
            let settings = settings(&root);
            check_names(file.as_ref(), &self.variables, &settings)?;
            for setting in &settings {
                if !takes(&commands, &setting.name) {
                    continue;
                }
                let Some((origin, values)) = self.value(setting, file.as_ref())? else { continue };
                check_value(&root, setting, &values, &origin)?;
                args.extend(values.into_iter().map(|value| setting.arg(&value)));
                origins.insert(setting.name.clone(), origin);
            }
        }
        let matches =
            root.clone().try_get_matches_from(&args).map_err(Misconfigured::CommandLine)?;
        let cli = Cli::from_arg_matches(&matches).map_err(Misconfigured::CommandLine)?;
        Ok(Layered { cli, matches, origins })
    }

    /// Returns the values of a setting that the command line does not have, and where they stand.
    fn value(
        &self,
        setting: &Setting,
        file: Option<&ConfigFile>,
    ) -> Result<Option<(Origin, Vec<String>)>, Misconfigured> {
        let given = format!("--{}", setting.name);
        if self.args.iter().any(|arg| is_option(arg, &given)) {
            return Ok(None);
        }
        if let Some(value) = self.variable(&setting.name) {
            let origin = Origin::Variable(variable_of(&setting.name));
            let values = match setting.kind {
                Kind::Many => value.split(',').map(str::to_owned).collect(),
                Kind::One | Kind::Flag => vec![value],
            };
            let values = setting.normalized(values, &origin)?;
            return Ok(Some((origin, values)));
        }
        let Some(entry) = file.and_then(|file| file.get(&setting.name)) else { return Ok(None) };
        let path = file.map_or_else(PathBuf::new, |file| file.path().to_owned());
        let origin = Origin::File { path, line: entry.line };
        if entry.is_list && setting.kind != Kind::Many {
            let problem = format!("{origin}: {} has one value, not a list", setting.key());
            return Err(Misconfigured::Setting(problem));
        }
        let values = setting.normalized(entry.values.clone(), &origin)?;
        Ok(Some((origin, values)))
    }
}

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommandLine(error) => error.fmt(out),
            Self::Setting(problem) => out.write_str(problem),
        }
    }
}

impl Layered {
    /// Returns the names of the settings that differ from those of the start, and that a running
    /// server does not take over.
    pub(crate) fn fixed_differences(&self, began: &Self) -> Vec<String> {
        let of = |layered: &Self, id: &str| -> Vec<OsString> {
            layered.matches.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect()
        };
        let settings = settings(&Cli::command()).into_iter();
        settings
            .filter(|setting| !RELOADED.contains(&setting.name.as_str()))
            .filter(|setting| of(self, &setting.id) != of(began, &setting.id))
            .map(|setting| setting.key())
            .collect()
    }

    /// Returns all settings of the server as a configuration file, with where each comes from.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        for setting in settings(&Cli::command()) {
            let values = self.matches.get_raw(&setting.id).into_iter().flatten();
            let values: Vec<_> =
                values.map(|value| literal(&value.to_string_lossy(), setting.kind)).collect();
            let key = setting.key();
            let is_set = !values.is_empty();
            let line = match (setting.kind, values.as_slice()) {
                (_, []) => format!("# {key} is not set"),
                (Kind::Many, values) => format!("{key} = [{}]", values.join(", ")),
                (_, [value, ..]) => format!("{key} = {value}"),
            };
            let given = self.matches.value_source(&setting.id)
                == Some(clap::parser::ValueSource::CommandLine);
            let origin = match self.origins.get(&setting.name) {
                Some(origin) => format!("  # {origin}"),
                None if given => format!("  # {}", Origin::CommandLine),
                None if is_set => "  # default".to_owned(),
                None => String::new(),
            };
            let _ = writeln!(text, "{line}{origin}");
        }
        text
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommandLine => out.write_str("the command line"),
            Self::Variable(name) => out.write_str(name),
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
        }
    }
}

/// Number of values of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// true or false.
    Flag,
    One,
    Many,
}

/// An option of the server that a file and the environment may set.
struct Setting {
    id: String,
    /// Name of the option, without hyphens before it.
    name: String,
    kind: Kind,
}

impl Setting {
    /// Its name in the file.
    fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The argument that sets it.
    fn arg(&self, value: &str) -> OsString {
        match self.kind {
            Kind::Flag => format!("--{}", self.name).into(),
            Kind::One | Kind::Many => format!("--{}={value}", self.name).into(),
        }
    }

    /// Returns the values to set. An option without a value is given or not.
    fn normalized(
        &self,
        values: Vec<String>,
        origin: &Origin,
    ) -> Result<Vec<String>, Misconfigured> {
        match (self.kind, values.first().map(String::as_str)) {
            (Kind::Flag, Some("false")) => Ok(Vec::new()),
            (Kind::Flag, found) if found != Some("true") => {
                let problem = format!("{origin}: {} is true or false", self.key());
                Err(Misconfigured::Setting(problem))
            }
            _ => Ok(values),
        }
    }
}

/// Returns the options of the server.
fn settings(root: &Command) -> Vec<Setting> {
    let options = root.get_arguments().filter_map(|arg| {
        let name = arg.get_long()?.to_owned();
        let is_list = arg.get_value_delimiter().is_some();
        let kind = match arg.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            ArgAction::Append => Kind::Many,
            _ if is_list => Kind::Many,
            _ => Kind::One,
        };
        Some(Setting { id: arg.get_id().to_string(), name, kind })
    });
    options.filter(|option| !NO_SETTINGS.contains(&option.name.as_str())).collect()
}

/// Returns the commands that a command line runs, the outermost first: the program itself, and then
/// `user` and `add`, for example.
fn commands_of<'a>(root: &'a Command, args: &[OsString]) -> Vec<&'a Command> {
    let mut commands = vec![root];
    for arg in args.iter().skip(1) {
        match commands.last().and_then(|command| command.find_subcommand(arg)) {
            Some(inner) => commands.push(inner),
            None => break,
        }
    }
    commands
}

/// Returns true if the server, or the command in place of it, takes a setting.
fn takes(commands: &[&Command], name: &str) -> bool {
    match commands {
        [_] => true,
        [_, others @ ..] => {
            SHARED.contains(&name)
                && others.iter().enumerate().any(|(at, command)| {
                    command.get_arguments().any(|arg| {
                        let is_last = at + 1 == others.len();
                        arg.get_long() == Some(name) && (is_last || arg.is_global_set())
                    })
                })
        }
        [] => false,
    }
}

fn is_option(arg: &OsStr, option: &str) -> bool {
    let text = arg.to_string_lossy();
    text.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"))
}

/// Refuses an unknown name in the file or the environment.
fn check_names(
    file: Option<&ConfigFile>,
    variables: &[(OsString, OsString)],
    settings: &[Setting],
) -> Result<(), Misconfigured> {
    if let Some(file) = file {
        for (key, line) in file.keys() {
            if !settings.iter().any(|setting| setting.key() == key || setting.name == key) {
                let path = file.path().display();
                let problem = format!("{path}:{line}: {key} is not a setting");
                return Err(Misconfigured::Setting(problem));
            }
        }
    }
    for (name, _) in variables {
        let name = name.to_string_lossy();
        let Some(setting) = name.strip_prefix(PREFIX) else { continue };
        let is_known = setting == CONFIG.to_uppercase()
            || settings.iter().any(|one| variable_of(&one.name) == *name);
        if !is_known {
            let problem = format!("the variable {name} names no setting");
            return Err(Misconfigured::Setting(problem));
        }
    }
    Ok(())
}

/// Refuses a value that the option of that name does not take, and says where it stands.
fn check_value(
    root: &Command,
    setting: &Setting,
    values: &[String],
    origin: &Origin,
) -> Result<(), Misconfigured> {
    let args = std::iter::once(OsString::from("daytraded"))
        .chain(values.iter().map(|value| setting.arg(value)));
    match root.clone().try_get_matches_from(args) {
        Err(error)
            if matches!(
                error.kind(),
                clap::error::ErrorKind::ValueValidation | clap::error::ErrorKind::InvalidValue
            ) =>
        {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let problem = first.strip_prefix("error: ").unwrap_or(first);
            Err(Misconfigured::Setting(format!("{origin}: {problem}")))
        }
        _ => Ok(()),
    }
}

/// Returns a value as TOML writes it.
fn literal(value: &str, kind: Kind) -> String {
    let is_plain = kind == Kind::Flag || value.parse::<u64>().is_ok();
    if is_plain { value.to_owned() } else { toml::Value::String(value.to_owned()).to_string() }
}
