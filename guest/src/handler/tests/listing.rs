//! Lists of directories.

use super::*;

#[test]
fn listings() {
    let directory = Memory::with(&[
        ("b", "12"),
        ("z/", ""),
        ("z/inside", ""),
        ("<script>\"&'.txt", "x"),
        ("a b:c", ""),
        (".hidden", ""),
        (".http-server-upload-1", ""),
    ]);
    directory.fifo("fifo");
    directory.link_to("to-z", Some("z"));
    directory.link_to("out", None);

    let json = request(&directory, Method::Get, "/files/")
        .field("accept", "*/*")
        .send();
    assert_eq!(
        json.field("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(json.field("vary").as_deref(), Some("accept"));
    let json: serde_json::Value = serde_json::from_slice(&json.bytes()).unwrap();
    let names: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["to-z", "z", "<script>\"&'.txt", "a b:c", "b"]);
    assert_eq!(
        json[4],
        serde_json::json!({"name": "b", "type": "file", "size": 2, "modified": "2020-01-01T00:00:00Z"})
    );
    assert_eq!(
        json[1],
        serde_json::json!({"name": "z", "type": "directory", "modified": "2020-01-01T00:00:00Z"})
    );

    let html = request(&directory, Method::Get, "/files/")
        .field("accept", "text/html")
        .send();
    assert_eq!(
        html.field("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert!(html.field("content-security-policy").is_some());
    let html = html.text();
    assert!(!html.contains("<script"), "{html}");
    assert!(
        html.contains("<a href=\"./%3Cscript%3E%22%26%27.txt\">&lt;script&gt;"),
        "{html}"
    );
    assert!(
        html.contains("<a href=\"./a%20b%3Ac\">a b:c</a>")
            && html.contains("<a href=\"./z/\">z/</a>"),
        "{html}"
    );
    assert!(!html.contains("href=\"../\"") && html.ends_with("</html>\n"));
    let below = request(&directory, Method::Get, "/files/z/")
        .field("accept", "text/html")
        .send()
        .text();
    assert!(below.contains("href=\"../\"") && below.contains("<h1>/files/z/</h1>"));
}

#[test]
fn long_listings_come_in_chunks() {
    let names: Vec<_> = (0..2000).map(|index| format!("file-{index:04}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let response = request(&Memory::with(&files), Method::Get, "/files/").send();
    let Content::Chunks(chunks) = response.0.content else {
        panic!("not streamed")
    };
    let chunks: Vec<_> = chunks.map(Result::unwrap).collect();
    assert!(chunks.len() > 5 && chunks.iter().all(|chunk| chunk.len() < 20_000));
    let json: serde_json::Value = serde_json::from_slice(&chunks.concat()).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(2000));
}

/// Links lead anywhere in the mapped directory, and not only below the directory that has them.
#[test]
fn links_in_a_directory_are_listed() {
    let directory = Memory::with(&[("a.txt", "12"), ("sub/", ""), ("sub/b.txt", "")]);
    directory.link_to("sub/up", Some("a.txt"));
    directory.link_to("sub/to-sub", Some("sub"));
    directory.link_to("sub/out", None);
    let listing = request(&directory, Method::Get, "/files/sub/").send();
    let listing: serde_json::Value = serde_json::from_slice(&listing.bytes()).unwrap();
    let entries: Vec<_> = listing
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), entry["size"].as_u64()))
        .collect();
    assert_eq!(
        entries,
        [("to-sub", None), ("b.txt", Some(0)), ("up", Some(2))]
    );
}
