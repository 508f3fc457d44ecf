//! A directory in memory, for tests: names to nodes, symbolic links included.

use super::{Directory, Entry, Error, File, Kind, Metadata};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of everything in the directory unless a test says otherwise.
pub(crate) const MODIFIED: Duration = Duration::from_secs(1_577_836_800);

#[derive(Clone)]
enum Node {
    File(MemoryFile),
    Directory,
    /// To another path from the root, or [`None`]: out of the mapped directory.
    Link(Option<String>),
    Fifo,
}

#[derive(Default)]
struct Tree {
    nodes: RefCell<BTreeMap<String, Node>>,
    identities: Cell<u64>,
    read_only: Cell<bool>,
    opened: Cell<u32>,
    /// No file has two names.
    has_no_links: Cell<bool>,
    /// Somebody else removes this file before it can be opened.
    vanishing: RefCell<Option<String>>,
}

/// A directory, and the path of what is opened of it.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    tree: Rc<Tree>,
    prefix: String,
}

#[derive(Clone)]
pub(crate) struct MemoryFile {
    content: Rc<RefCell<Vec<u8>>>,
    modified: Rc<Cell<SystemTime>>,
    identity: u64,
    /// It may not be opened.
    forbidden: Rc<Cell<bool>>,
    /// How many bytes may be written before there is no space left.
    pub(crate) space: Rc<Cell<usize>>,
}

impl Memory {
    /// A directory of these files; a name that ends in a slash is a directory.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let memory = Self::default();
        for (name, content) in files {
            match name.strip_suffix('/') {
                Some(name) => memory.insert(name, Node::Directory),
                None => {
                    let file = memory.new_file();
                    file.append(content.as_bytes()).unwrap();
                    memory.insert(name, Node::File(file));
                }
            }
        }
        memory
    }

    pub(crate) fn link_to(&self, name: &str, to: Option<&str>) {
        self.insert(name, Node::Link(to.map(str::to_owned)));
    }

    pub(crate) fn fifo(&self, name: &str) {
        self.insert(name, Node::Fifo);
    }

    pub(crate) fn set_read_only(&self) {
        self.tree.read_only.set(true);
    }

    pub(crate) fn set_without_links(&self) {
        self.tree.has_no_links.set(true);
    }

    /// How many files were opened.
    pub(crate) fn opened(&self) -> u32 {
        self.tree.opened.get()
    }

    /// Removes a directory, and all that is in it.
    pub(crate) fn remove_all(&self, name: &str) {
        let is_other = |path: &String| !Path::new(path).starts_with(name);
        self.tree
            .nodes
            .borrow_mut()
            .retain(|path, _| is_other(path));
    }

    pub(crate) fn vanish_when_opened(&self, name: &str) {
        *self.tree.vanishing.borrow_mut() = Some(name.to_owned());
    }

    pub(crate) fn set_modified(&self, name: &str, modified: SystemTime) {
        self.file(name).unwrap().modified.set(modified);
    }

    pub(crate) fn forbid(&self, name: &str) {
        self.file(name).unwrap().forbidden.set(true);
    }

    /// An empty file, made by somebody else.
    pub(crate) fn add(&self, name: &str) {
        self.insert(name, Node::File(self.new_file()));
    }

    pub(crate) fn truncate(&self, name: &str, length: usize) {
        self.file(name)
            .unwrap()
            .content
            .borrow_mut()
            .truncate(length);
    }

    /// Every name there is.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tree.nodes.borrow().keys().cloned().collect()
    }

    pub(crate) fn content(&self, name: &str) -> Option<String> {
        self.file(name)
            .map(|file| String::from_utf8(file.content.borrow().clone()).unwrap())
    }

    fn file(&self, name: &str) -> Option<MemoryFile> {
        match self.tree.nodes.borrow().get(name) {
            Some(Node::File(file)) => Some(file.clone()),
            _ => None,
        }
    }

    fn new_file(&self) -> MemoryFile {
        self.tree.identities.set(self.tree.identities.get() + 1);
        MemoryFile {
            content: Rc::default(),
            modified: Rc::new(Cell::new(UNIX_EPOCH + MODIFIED)),
            identity: self.tree.identities.get(),
            forbidden: Rc::default(),
            space: Rc::new(Cell::new(1 << 20)),
        }
    }

    fn insert(&self, name: &str, node: Node) {
        self.tree.nodes.borrow_mut().insert(name.to_owned(), node);
    }

    fn full(&self, path: &str) -> String {
        match (self.prefix.as_str(), path) {
            ("", path) => path.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}/{path}"),
        }
    }

    /// Finds a node, with each directory on the way; links are followed but for the last, if `follow` is off.
    fn find(&self, path: &str, follow: bool) -> Result<(String, Node), Error> {
        let nodes = self.tree.nodes.borrow();
        let full = self.full(path);
        let (mut found, mut node) = (String::new(), Node::Directory);
        for name in full.split('/').filter(|name| !name.is_empty()) {
            node = self.resolve(&nodes, node, &mut found)?;
            if !matches!(node, Node::Directory) {
                return Err(Error::NotDirectory);
            }
            found = if found.is_empty() {
                name.to_owned()
            } else {
                format!("{found}/{name}")
            };
            node = nodes.get(&found).cloned().ok_or(Error::NotFound)?;
        }
        if follow {
            node = self.resolve(&nodes, node, &mut found)?;
        }
        Ok((found, node))
    }

    /// Follows a link, which leads nowhere else than below this directory.
    fn resolve(
        &self,
        nodes: &BTreeMap<String, Node>,
        mut node: Node,
        found: &mut String,
    ) -> Result<Node, Error> {
        for _ in 0..8 {
            let Node::Link(to) = node else {
                return Ok(node);
            };
            let is_below = |to: &String| Path::new(to).starts_with(&self.prefix);
            *found = to.filter(is_below).ok_or(Error::NotPermitted)?;
            node = nodes.get(found).cloned().ok_or(Error::NotFound)?;
        }
        Err(Error::Loop)
    }

    /// The full path for something new, in a directory that is there.
    fn place(&self, path: &str) -> Result<String, Error> {
        if self.tree.read_only.get() {
            return Err(Error::NotPermitted);
        }
        let full = self.full(path);
        let (parent, name) = full.rsplit_once('/').unwrap_or(("", &full));
        match (Self {
            tree: Rc::clone(&self.tree),
            prefix: String::new(),
        })
        .find(parent, true)?
        {
            (parent, Node::Directory) if parent.is_empty() => Ok(name.to_owned()),
            (parent, Node::Directory) => Ok(format!("{parent}/{name}")),
            _ => Err(Error::NotDirectory),
        }
    }

    fn vacant(&self, path: &str) -> Result<String, Error> {
        let place = self.place(path)?;
        if self.tree.nodes.borrow().contains_key(&place) {
            Err(Error::Exists)
        } else {
            Ok(place)
        }
    }

    fn describe(node: &Node) -> Metadata {
        let (kind, length, modified) = match node {
            Node::File(file) => (
                Kind::File,
                file.content.borrow().len() as u64,
                file.modified.get(),
            ),
            Node::Directory => (Kind::Directory, 4096, UNIX_EPOCH + MODIFIED),
            Node::Link(_) => (Kind::Link, 0, UNIX_EPOCH + MODIFIED),
            Node::Fifo => (Kind::Other, 0, UNIX_EPOCH + MODIFIED),
        };
        Metadata {
            kind,
            length,
            modified: Some(modified),
        }
    }
}

impl Directory for Memory {
    type File = MemoryFile;

    fn is_read_only(&self) -> bool {
        self.tree.read_only.get()
    }

    fn metadata(&self, path: &str) -> Result<Metadata, Error> {
        self.find(path, true).map(|(_, node)| Self::describe(&node))
    }

    fn link_metadata(&self, path: &str) -> Result<Metadata, Error> {
        self.find(path, false)
            .map(|(_, node)| Self::describe(&node))
    }

    fn open(&self, path: &str) -> Result<MemoryFile, Error> {
        self.tree.opened.set(self.tree.opened.get() + 1);
        if let Some(name) = self
            .tree
            .vanishing
            .borrow_mut()
            .take_if(|name| name == path)
        {
            self.tree.nodes.borrow_mut().remove(&name);
        }
        match self.find(path, true)? {
            (_, Node::File(file)) if file.forbidden.get() => Err(Error::Access),
            (_, Node::File(file)) => Ok(file),
            (_, Node::Fifo) => panic!("opening a FIFO blocks"),
            _ => Err(Error::IsDirectory),
        }
    }

    fn open_directory(&self, path: &str) -> Result<Self, Error> {
        match self.find(path, true)? {
            (prefix, Node::Directory) => Ok(Self {
                tree: Rc::clone(&self.tree),
                prefix,
            }),
            _ => Err(Error::NotDirectory),
        }
    }

    fn each_entry(&self, act: impl FnMut(Entry)) -> Result<(), Error> {
        let prefix = if self.prefix.is_empty() {
            String::new()
        } else {
            format!("{}/", self.prefix)
        };
        let nodes = self.tree.nodes.borrow();
        let below = nodes
            .iter()
            .filter_map(|(path, node)| Some((path.strip_prefix(&prefix)?, node)));
        let here = below.filter(|(name, _)| !name.contains('/'));
        here.map(|(name, node)| Entry {
            name: name.to_owned(),
            kind: Self::describe(node).kind,
        })
        .for_each(act);
        Ok(())
    }

    fn create_directory(&self, path: &str) -> Result<(), Error> {
        let place = self.vacant(path)?;
        self.insert(&place, Node::Directory);
        Ok(())
    }

    fn create(&self, name: &str) -> Result<MemoryFile, Error> {
        let place = self.vacant(name)?;
        let file = self.new_file();
        self.insert(&place, Node::File(file.clone()));
        Ok(file)
    }

    fn link(&self, from: &str, to: &str) -> Result<(), Error> {
        if self.tree.has_no_links.get() {
            return Err(Error::NotPermitted);
        }
        let (_, node) = self.find(from, false)?;
        let place = self.vacant(to)?;
        self.insert(&place, node);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from, node) = self.find(from, false)?;
        let place = self.place(to)?;
        if matches!(self.tree.nodes.borrow().get(&place), Some(Node::Directory)) {
            return Err(Error::IsDirectory);
        }
        self.tree.nodes.borrow_mut().remove(&from);
        self.insert(&place, node);
        Ok(())
    }

    fn remove_file(&self, path: &str) -> Result<(), Error> {
        let place = self.place(path)?;
        match self.find(path, false)? {
            (_, Node::Directory) => Err(Error::IsDirectory),
            _ => self
                .tree
                .nodes
                .borrow_mut()
                .remove(&place)
                .map(drop)
                .ok_or(Error::NotFound),
        }
    }

    fn remove_directory(&self, path: &str) -> Result<(), Error> {
        let place = self.place(path)?;
        let mut is_empty = true;
        self.open_directory(path)?
            .each_entry(|_| is_empty = false)?;
        if !is_empty {
            return Err(Error::NotEmpty);
        }
        self.tree
            .nodes
            .borrow_mut()
            .remove(&place)
            .map(drop)
            .ok_or(Error::NotFound)
    }

    fn sync(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl MemoryFile {
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<(), Error> {
        let space = self
            .space
            .get()
            .checked_sub(bytes.len())
            .ok_or(Error::NoSpace)?;
        self.space.set(space);
        self.content.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }
}

impl File for MemoryFile {
    fn metadata(&self) -> Result<Metadata, Error> {
        Ok(Memory::describe(&Node::File(self.clone())))
    }

    fn identity(&self) -> Result<u64, Error> {
        Ok(self.identity)
    }

    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
        let content = self.content.borrow();
        let rest = content
            .get(usize::try_from(offset).unwrap()..)
            .unwrap_or_default();
        Ok(rest[..rest.len().min(usize::try_from(length).unwrap())].to_vec())
    }

    fn sync(&self) -> Result<(), Error> {
        Ok(())
    }
}
