//! The plan as an operator reviews it: every number with its reason, every file with its text, secrets masked.
//!
//! Absent on purpose: findings (`check` shows them), and machine-readable output.

use crate::config::masked;

use super::memory::size;
use super::{ARGV_LIMIT, Plan, RenderedFile, ServiceSpec};

/// Columns that the value takes before its reason is put on a line of its own.
const COLUMN: usize = 60;

/// The whole plan as text.
pub fn print(plan: &Plan) -> String {
    let mut text = String::new();
    head(&mut text, plan);
    memory(&mut text, plan);
    for service in &plan.services {
        text.push('\n');
        one_service(&mut text, service);
    }
    if !plan.warnings.is_empty() {
        text.push_str("\nwarnings\n");
        for warning in &plan.warnings {
            let place = if warning.place.is_empty() { String::new() } else { format!("{}: ", warning.place) };
            line(&mut text, &format!("  {place}{}", warning.text));
        }
    }
    text
}

fn head(text: &mut String, plan: &Plan) {
    let node = plan.config.this_node();
    let roles: Vec<&str> = plan.services.iter().map(|service| service.role.as_str()).collect();
    let java = &plan.facts.java;
    let install = &plan.facts.kafka;
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "not found".to_string());
    line(text, &format!("node      {} (id {}) of cluster {}", node.name, node.number, plan.config.cluster));
    line(text, &format!("runs      {}, in this order, as {}", roles.join(", then "), plan.facts.user));
    line(text, &format!("java      {} in {} ({})", java.version, java.home.display(), java.found));
    let libs = plan.config.kafka.home.join("libs");
    line(
        text,
        &format!(
            "kafka     {}, zookeeper {} in {}",
            version(&install.kafka),
            version(&install.zookeeper),
            libs.display()
        ),
    );
    line(text, &format!("cores     {}", plan.facts.cores));
}

fn memory(text: &mut String, plan: &Plan) {
    let budget = &plan.memory;
    text.push_str("\nmemory\n");
    let numbers = [
        ("total", budget.total),
        ("zookeeper heap", budget.zookeeper_heap),
        ("kafka heap", budget.kafka_heap),
        ("page cache", budget.page_cache),
    ];
    for ((name, bytes), why) in numbers.into_iter().zip(&budget.reasons) {
        line(text, &format!("  {name:<16}{:>8}   {why}", size(bytes)));
    }
}

fn one_service(text: &mut String, service: &ServiceSpec) {
    line(text, &format!("service {}", service.role));
    line(text, &format!("  probed at {}, runs in {}", service.probe_address, service.directory.display()));
    line(text, &format!("\n  command line, {} bytes of less than {ARGV_LIMIT}", service.argv_length()));
    line(text, &format!("    {}", service.program.display()));
    for arg in &service.args {
        with_reason(text, &masked(&arg.text), &arg.why);
    }
    text.push_str("\n  environment, all of it\n");
    for (key, value) in &service.environment {
        line(text, &format!("    {}", masked(&format!("{key}={value}"))));
    }
    for file in &service.files {
        line(text, &format!("\n  file {}", file.path.display()));
        rendered(text, file);
    }
    if let Some(file) = &service.my_id_file {
        line(text, &format!("\n  file {}, written once and never over", file.path.display()));
        rendered(text, file);
    }
}

fn with_reason(text: &mut String, value: &str, why: &str) {
    let width = value.chars().count();
    if why.is_empty() {
        line(text, &format!("    {value}"));
    } else if width <= COLUMN {
        line(text, &format!("    {value:<COLUMN$}  # {why}"));
    } else {
        line(text, &format!("    {value}"));
        line(text, &format!("    {:<COLUMN$}  # {why}", ""));
    }
}

/// Each property with the comment above it as a trailing column.
fn rendered(text: &mut String, file: &RenderedFile) {
    let mut why = String::new();
    for row in file.text.lines() {
        match row.strip_prefix("# ") {
            Some(words) => why = words.to_string(),
            None if row.is_empty() => {
                if !why.is_empty() {
                    line(text, &format!("    # {}", std::mem::take(&mut why)));
                }
            }
            None => with_reason(text, &masked(row), &std::mem::take(&mut why)),
        }
    }
}

/// Terminal control characters of an operator's text never reach the terminal.
fn line(text: &mut String, row: &str) {
    text.extend(row.trim_end().chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }));
    text.push('\n');
}
