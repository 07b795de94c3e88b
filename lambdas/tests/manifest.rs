//! The manifest and the programs match: a function without a program cannot be deployed, and a program without a
//! function never runs.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

#[test]
fn each_function_has_a_program_and_each_program_a_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("service.json")).unwrap()).unwrap();
    let functions: BTreeSet<String> = manifest["functions"].as_object().unwrap().keys().cloned().collect();

    let programs: BTreeSet<String> = ["src/bin", "../renditions/src/bin"]
        .iter()
        .flat_map(|programs| fs::read_dir(folder.join(programs)).unwrap())
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();

    assert_eq!(functions, programs);
}
