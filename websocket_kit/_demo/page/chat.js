// The chat's page. No dependencies, no build; what peers send becomes text nodes, never markup.
//
// A Connection keeps one socket to one room alive; a Screen shows what comes in.
// The messages are those of chat.py:
//   to the server    {type: "say", text} {type: "typing"}
//   from the server  {type: "welcome", you, here} {type: "joined" | "left" | "typing", name} {type: "said", name, text}

const TEXT_MAX = 2000;
const NAME_MAX = 32;
const ENTRIES_MAX = 500; // what the log keeps; older entries go
const GROUP_MS = 5 * 60_000; // messages of one person closer than this share a heading
const TYPING_EVERY_MS = 2_000;
const TYPING_SHOWN_MS = 4_000;

const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** An element with a class, or none, and children; strings become text nodes. */
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// ---- The connection -------------------------------------------------------

/** A socket to one room that comes back by itself, a little later each time it fails. */
class Connection {
  #address;
  #socket = null;
  #failures = 0;
  #timer = 0;
  #over = false;
  #on;

  /** `on` has `message(message)` and `state("connecting" | "connected" | "reconnecting")`. */
  constructor(room, name, on) {
    this.#address = new URL(`rooms/${encodeURIComponent(room)}`, document.baseURI);
    this.#address.protocol = this.#address.protocol === "https:" ? "wss:" : "ws:";
    this.#address.searchParams.set("name", name);
    this.#on = on;
    on.state("connecting");
    this.#open();
  }

  /** Send a message, or return false where there is no connection to send it on. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Try now rather than when the wait is over. */
  retry() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  leave() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }

  #open() {
    this.#timer = 0;
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    // A network that swallows packets leaves a socket opening for minutes.
    const patience = setTimeout(() => socket.close(), 10_000);
    socket.onopen = () => clearTimeout(patience);
    socket.onmessage = ({ data }) => {
      if (this.#over) return;
      const message = JSON.parse(data);
      if (message.type === "welcome") {
        this.#failures = 0;
        this.#on.state("connected");
      }
      this.#on.message(message);
    };
    socket.onclose = () => {
      clearTimeout(patience);
      if (this.#over) return;
      this.#on.state("reconnecting");
      // Half of the wait is chance, so that a restarted server isn't met by everyone at once.
      const wait = Math.min(15_000, 500 * 2 ** this.#failures++);
      this.#timer = setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2));
    };
  }
}

// ---- People ---------------------------------------------------------------

/** The same name has the same colour in every room and on every screen. */
function tone(name) {
  let hash = 0x811c9dc5; // FNV-1a
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  return String((hash >>> 8) % 8);
}

function avatar(name) {
  const made = element("span", "avatar", [...name][0].toUpperCase());
  made.dataset.tone = tone(name);
  made.setAttribute("aria-hidden", "true");
  return made;
}

/** A name, kept from turning the text around it when it is written from right to left. */
const nameTag = (name) => element("bdi", "", name);

let you = "";
let here = [];

function showPeople() {
  const first = here.filter((name) => name === you);
  const others = here.filter((name) => name !== you);
  byId("people-list").replaceChildren(
    ...[...first, ...others].map((name) => {
      const item = element("li", "", avatar(name), nameTag(name));
      if (name === you) item.append(element("small", "", "you"));
      return item;
    }),
  );
  byId("people-title").textContent = `Here now · ${here.length}`;
  byId("people-count").textContent = String(here.length);
  byId("alone").hidden = here.length !== 1 || log.querySelector(".message") !== null;
}

const typers = new Map(); // name -> the timer that ends it

function setTyping(name, typing) {
  clearTimeout(typers.get(name));
  typers.delete(name);
  if (typing) typers.set(name, setTimeout(() => setTyping(name, false), TYPING_SHOWN_MS));
  const names = [...typers.keys()];
  const line = byId("typing");
  if (names.length === 0) line.replaceChildren();
  else if (names.length === 1) line.replaceChildren(nameTag(names[0]), " is typing…");
  else if (names.length === 2) line.replaceChildren(nameTag(names[0]), " and ", nameTag(names[1]), " are typing…");
  else line.replaceChildren("Several people are typing…");
}

function clearTyping() {
  for (const name of [...typers.keys()]) setTyping(name, false);
}

// ---- The log --------------------------------------------------------------

const log = byId("log");
const jump = byId("jump");
let atBottom = true;
let lastTop = 0;
let unread = 0;
let previous = { name: null, at: 0 };

function scrollDown() {
  log.scrollTop = log.scrollHeight;
  jump.hidden = true;
}

log.addEventListener("scroll", () => {
  // Only a person scrolls up; a log that grows or shrinks is no reason to stay behind.
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 32) atBottom = true;
  else if (log.scrollTop < lastTop) atBottom = false;
  lastTop = log.scrollTop;
  if (atBottom) jump.hidden = true;
}, { passive: true });

// A phone's keyboard, or a growing box, takes room from the log: stay at its end.
new ResizeObserver(() => { if (atBottom) scrollDown(); }).observe(log);
jump.addEventListener("click", () => { scrollDown(); byId("text").focus(); });

function append(entry, { isMessage = false, follow = false } = {}) {
  const wasAtBottom = atBottom;
  log.append(entry);
  if (log.childElementCount > ENTRIES_MAX) log.firstElementChild.remove();
  if (wasAtBottom || follow) scrollDown();
  else if (isMessage) jump.hidden = false;
  if (isMessage && document.hidden) unread += 1;
  showTitle();
}

function timeTag(date) {
  const made = element("time", "", clock.format(date));
  made.dateTime = date.toISOString();
  made.title = calendar.format(date);
  return made;
}

function notice(...children) {
  previous = { name: null, at: 0 };
  append(element("p", "notice", ...children, " · ", timeTag(new Date())));
}

function showMessage(name, text) {
  const now = new Date();
  const own = name === you;
  const first = name !== previous.name || now - previous.at > GROUP_MS;
  previous = { name, at: now };

  const message = element("article", "message");
  message.dataset.tone = tone(name);
  message.classList.toggle("own", own);
  message.classList.toggle("first", first);
  const by = element("p", first ? "by" : "hidden");
  const speaker = nameTag(own ? "You" : name);
  if (own) speaker.className = "hidden";
  by.append(speaker, " ", timeTag(now));
  if (first && !own) message.append(avatar(name));
  const bubble = element("div", "bubble", text);
  bubble.title = calendar.format(now);
  bubble.dir = "auto";
  message.append(by, bubble);
  append(message, { isMessage: true, follow: own });
  byId("alone").hidden = true;
}

function showTitle() {
  const room = roomInAddress();
  document.title = (unread ? `(${unread}) ` : "") + (room ? `#${room} · Chat` : "Chat · websocket_kit");
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  showTitle();
  connection?.retry();
});

// ---- The chat screen ------------------------------------------------------

let connection = null;
let unconfirmed = []; // what was sent and hasn't come back from the server yet

const chat = byId("chat-screen");
const box = byId("text");

const received = {
  welcome(message) {
    const again = you !== "";
    ({ you, here } = message);
    showPeople();
    if (again) notice("Back in the room as ", nameTag(you));
    else notice("You joined as ", nameTag(you));
  },
  joined({ name }) {
    here = [...here, name];
    showPeople();
    notice(nameTag(name), " joined");
  },
  left({ name }) {
    here = here.filter((other) => other !== name);
    setTyping(name, false);
    showPeople();
    notice(nameTag(name), " left");
  },
  typing({ name }) {
    setTyping(name, true);
  },
  said({ name, text }) {
    if (name === you) unconfirmed.shift();
    setTyping(name, false);
    showMessage(name, text);
  },
};

function showState(state) {
  const lost = state === "reconnecting";
  if (lost && chat.dataset.state === "connected") {
    notice("Connection lost");
    clearTyping();
    // What may not have arrived goes back where it was written.
    setText([...unconfirmed, box.value].filter(Boolean).join("\n"));
    unconfirmed = [];
  }
  chat.dataset.state = state;
  byId("status-text").textContent = { connecting: "connecting…", connected: "connected", reconnecting: "reconnecting…" }[state];
  byId("offline").hidden = !lost;
  showSendable();
}

function showSendable() {
  const sendable = chat.dataset.state === "connected" && box.value.trim() !== "";
  byId("send").setAttribute("aria-disabled", String(!sendable));
  const left = TEXT_MAX - box.value.length;
  byId("left").hidden = left > 200;
  byId("left").textContent = `${left} left`;
  byId("left").toggleAttribute("data-full", left <= 0);
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

function setText(text) {
  box.value = text;
  showSendable();
}

let typedAt = 0;

box.addEventListener("input", () => {
  showSendable();
  if (box.value.trim() === "" || Date.now() - typedAt < TYPING_EVERY_MS) return;
  if (connection?.send({ type: "typing" })) typedAt = Date.now();
});

box.addEventListener("keydown", (event) => {
  // While composing (Japanese, Chinese, …), Enter picks a word.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = box.value.trim();
  // Half an emoji is not text, and the server would refuse it.
  const text = (typed.toWellFormed?.() ?? typed).slice(0, TEXT_MAX);
  box.focus();
  if (text === "" || chat.dataset.state !== "connected" || !connection.send({ type: "say", text })) return;
  unconfirmed.push(text);
  typedAt = 0;
  setText("");
});

byId("retry").addEventListener("click", () => connection?.retry());
addEventListener("online", () => connection?.retry());

const people = byId("people");
const peopleToggle = byId("people-toggle");

function showPeoplePanel(shown) {
  people.classList.toggle("shown", shown);
  peopleToggle.setAttribute("aria-expanded", String(shown));
}

peopleToggle.addEventListener("click", () => showPeoplePanel(!people.classList.contains("shown")));
document.addEventListener("click", ({ target }) => {
  if (!people.contains(target) && !peopleToggle.contains(target)) showPeoplePanel(false);
});
document.addEventListener("keydown", ({ key }) => { if (key === "Escape") showPeoplePanel(false); });

byId("copy-link").addEventListener("click", async () => {
  const label = byId("copy-text");
  try {
    await navigator.clipboard.writeText(location.href);
    label.textContent = "Copied";
  } catch { // not allowed, or not a secure address
    label.textContent = "Copy it from the address bar";
  }
  label.classList.add("said");
  setTimeout(() => {
    label.textContent = "Copy link";
    label.classList.remove("said");
  }, 2_000);
});

// ---- Joining and leaving --------------------------------------------------

const saved = {
  get name() {
    try { return localStorage.getItem("name") ?? ""; } catch { return ""; }
  },
  set name(name) {
    try { localStorage.setItem("name", name); } catch { /* storage is off: ask again next time */ }
  },
};

/** The room that the page's address names, or "". */
function roomInAddress() {
  const path = location.pathname.slice(new URL(document.baseURI).pathname.length);
  const [, room] = /^rooms\/([^/]+)\/?$/.exec(path) ?? [];
  try { return decodeURIComponent(room ?? ""); } catch { return ""; }
}

/** What the server takes as a room's name: letters, digits, _ and -. */
const asRoom = (text) => text.normalize("NFC").trim().replace(/\s+/gu, "-").replace(/[^\p{L}\p{M}\p{Nd}_-]/gu, "");

function leaveRoom() {
  connection?.leave();
  connection = null;
  you = "";
  here = [];
  unread = 0;
  unconfirmed = [];
  atBottom = true;
  previous = { name: null, at: 0 };
  clearTyping();
  showPeoplePanel(false);
  log.replaceChildren();
  delete chat.dataset.state;
}

function showJoin(room) {
  leaveRoom();
  chat.hidden = true;
  byId("join-screen").hidden = false;
  byId("name").value ||= saved.name;
  byId("room").value = room || byId("room").value || "lobby";
  showErrors({});
  showTitle();
  byId("name").focus();
}

function showChat(room, name) {
  leaveRoom();
  byId("join-screen").hidden = true;
  chat.hidden = false;
  byId("room-title").textContent = `#${room}`;
  showTitle();
  showPeople();
  setText("");
  connection = new Connection(room, name, { message: (message) => received[message.type]?.(message), state: showState });
  // On a phone the focus would bring up the keyboard, over a room not yet seen.
  if (matchMedia("(pointer: fine)").matches) box.focus();
  else byId("room-title").focus();
}

function showErrors(errors) {
  for (const field of ["name", "room"]) {
    byId(field).setAttribute("aria-invalid", String(field in errors));
    byId(`${field}-error`).textContent = errors[field] ?? "";
  }
  const [wrong] = Object.keys(errors);
  if (wrong) byId(wrong).focus();
}

byId("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId("name").value.trim();
  const room = asRoom(byId("room").value);
  const errors = {};
  if (name === "") errors.name = "What should the others call you?";
  if (room === "") errors.room = "Letters, digits, - and _ make a room.";
  showErrors(errors);
  if (name === "" || room === "") return;
  saved.name = name;
  history.pushState(null, "", new URL(`rooms/${encodeURIComponent(room)}`, document.baseURI));
  showChat(room, name);
});

byId("leave").addEventListener("click", () => {
  const room = roomInAddress();
  history.pushState(null, "", document.baseURI);
  showJoin(room);
});

function showAddress() {
  const room = roomInAddress();
  const known = saved.name.length <= NAME_MAX && saved.name;
  if (room && known && room === asRoom(room) && room.length <= NAME_MAX) showChat(room, known);
  else showJoin(asRoom(room).slice(0, NAME_MAX));
}

addEventListener("popstate", showAddress);
showAddress();
