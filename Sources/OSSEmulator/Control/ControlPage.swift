import Crypto

/// The page at the control endpoint's root: one document, which shows what it asks the endpoint for.
///
/// Keys and paths are what any client makes them, so the script puts text into the document as text and never as
/// markup; the policy in the header lets nothing else run, should it forget.
enum ControlPage {
    static let response: Response = {
        var response = Response(
            headers: [HeaderField(name: "Content-Type", value: "text/html; charset=utf-8")], body: .bytes(document))
        response.set("Content-Security-Policy", policy)
        response.set("Referrer-Policy", "no-referrer")
        return response
    }()

    private static var document: [UInt8] {
        Array(
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>oss-emulator</title>
            <style>\(style)</style>
            </head>
            \(markup)
            <script>\(script)</script>
            </body>
            </html>

            """.utf8)
    }

    private static var policy: String {
        func hash(_ text: String) -> String {
            "'sha256-\(Base64.encode(Array(SHA256.hash(data: Array(text.utf8)))))'"
        }
        return [
            "default-src 'none'", "script-src \(hash(script))", "style-src \(hash(style))", "connect-src 'self'",
            "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }

    private static let markup = #"""
        <body>
        <header>
          <h1>oss-emulator</h1>
          <dl id="facts"></dl>
          <p id="live" role="status">connecting</p>
        </header>
        <noscript><p class="card">This page needs JavaScript. The same is there as JSON: <a href="/state">what is
        stored</a>, <a href="/requests">the last requests</a>, <a href="/faults">faults</a>.</p></noscript>
        <main>
          <section id="storage" class="card" aria-labelledby="storage-title">
            <h2 id="storage-title">Buckets</h2>
            <div id="buckets"></div>
          </section>
          <section id="browser" class="card" aria-labelledby="path" hidden>
            <h2 id="path"></h2>
            <div id="objects"></div>
            <div id="uploads"></div>
          </section>
          <section id="rules" class="card" aria-labelledby="rules-title" hidden>
            <h2 id="rules-title">Faults</h2>
            <div id="faults"></div>
          </section>
          <section id="log" class="card" aria-labelledby="log-title">
            <div class="bar">
              <h2 id="log-title">Requests</h2>
              <label>Search <input id="search" type="search" autocomplete="off" spellcheck="false"></label>
              <label><input id="failed" type="checkbox"> failed only</label>
              <button id="all" type="button">show 500</button>
            </div>
            <div id="requests"></div>
          </section>
        </main>
        """#

    private static let style = #"""
        :root {
          color-scheme: light dark;
          --ground: #f4f5f7; --card: #fff; --line: #dfe3e8; --text: #1c2733; --soft: #5b6875; --link: #0b5cad;
          --good: #14713d; --goodbg: #dcf3e4; --bad: #b3261e; --badbg: #fde3e1; --warn: #8a5300; --warnbg: #fdefd3;
          --calmbg: #e8ecf1; --removed: #fbe0de; --added: #d9f2e1; --removedmark: #f3aaa4; --addedmark: #98dcae;
          --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #12161b; --card: #1a2027; --line: #2f3842; --text: #e3e8ed; --soft: #9aa7b4; --link: #79b8ff;
            --good: #7bd99b; --goodbg: #173624; --bad: #ff9d95; --badbg: #43201f; --warn: #f3c173; --warnbg: #3d2f14;
            --calmbg: #29323c; --removed: #43201f; --added: #173624; --removedmark: #86352f; --addedmark: #24663e;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text);
          font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 28px; padding: 14px 24px;
          background: var(--card); border-bottom: 1px solid var(--line); }
        h1 { font-size: 17px; margin: 0; letter-spacing: -0.01em; }
        h2 { font-size: 15px; margin: 0 0 10px; }
        h3 { font-size: 13px; margin: 16px 0 6px; }
        dl { margin: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; }
        dl div { display: flex; gap: 7px; }
        dt { color: var(--soft); }
        dd { margin: 0; font-family: var(--mono); font-size: 13px; overflow-wrap: anywhere; }
        #live { margin: 0 0 0 auto; color: var(--soft); }
        #live::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%;
          margin-right: 7px; background: var(--soft); }
        #live.on::before { background: #2aa55b; }
        #live.off::before { background: var(--bad); }
        main { max-width: 1440px; margin: 0 auto; padding: 20px 24px 60px; display: grid; gap: 18px;
          grid-template-columns: minmax(0, 1fr); }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px 18px;
          min-width: 0; }
        noscript .card { margin: 20px 24px; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12px; }
        th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        tbody tr:last-child > td { border-bottom: 0; }
        th:last-child, td:last-child { padding-right: 0; }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 24px; }
        .mono, td.key { font-family: var(--mono); font-size: 12.5px; }
        td.key { overflow-wrap: anywhere; min-width: 16em; white-space: pre-wrap; }
        .nowrap { white-space: nowrap; }
        .soft { color: var(--soft); }
        .empty { color: var(--soft); margin: 4px 0; }
        a { color: var(--link); text-decoration: none; }
        a:hover { text-decoration: underline; }
        button, input[type=search], select { font: inherit; color: inherit; background: var(--card);
          border: 1px solid var(--line); border-radius: 6px; padding: 3px 10px; }
        button { cursor: pointer; }
        button:hover:not(:disabled) { border-color: var(--soft); }
        button:disabled { opacity: .45; cursor: default; }
        :focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
        .bar { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: baseline; margin-bottom: 10px; }
        .bar h2 { margin: 0 auto 0 0; }
        .bar label { color: var(--soft); }
        .pages { display: flex; gap: 8px; margin-top: 10px; }
        .badge { display: inline-block; border-radius: 4px; padding: 0 7px; font-size: 12px; white-space: nowrap;
          background: var(--calmbg); }
        .badge.good { background: var(--goodbg); color: var(--good); }
        .badge.bad { background: var(--badbg); color: var(--bad); }
        .badge.warn { background: var(--warnbg); color: var(--warn); }
        tr.row { cursor: pointer; }
        tr.row:hover > td { background: color-mix(in srgb, var(--calmbg) 45%, transparent); }
        tr.row button { border: 0; background: none; padding: 0; font-family: var(--mono); font-size: 12.5px;
          text-align: left; white-space: nowrap; }
        tr.row button::before { content: "▸ "; color: var(--soft); }
        tr.row button[aria-expanded=true]::before { content: "▾ "; }
        tr.detail > td { padding: 4px 0 16px 16px; }
        tr.detail dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 16px; margin: 6px 0; }
        tr.detail dl div { display: contents; }
        .say { border-left: 4px solid var(--bad); background: var(--badbg); padding: 8px 14px; margin: 12px 0;
          border-radius: 0 6px 6px 0; font-weight: 600; overflow-wrap: anywhere; }
        .say.none { border-color: var(--warn); background: var(--warnbg); font-weight: 400; }
        .compare { display: flex; flex-wrap: wrap; gap: 8px; align-items: baseline; }
        .compare select { max-width: 100%; }
        table.diff { table-layout: fixed; border: 1px solid var(--line); }
        table.diff th { padding: 4px 10px; }
        table.diff td { padding: 1px 10px; border-bottom: 0; font-family: var(--mono); font-size: 12.5px;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        table.diff td:first-child, table.diff th:first-child { border-right: 1px solid var(--line); }
        table.diff td.removed { background: var(--removed); }
        table.diff td.added { background: var(--added); }
        table.diff td.removed mark { background: var(--removedmark); color: inherit; border-radius: 2px; }
        table.diff td.added mark { background: var(--addedmark); color: inherit; border-radius: 2px; }
        details table { width: auto; }
        details { border-top: 1px solid var(--line); padding: 6px 0; }
        summary { cursor: pointer; overflow-wrap: anywhere; }
        summary .mono { white-space: pre-wrap; }
        pre { margin: 0; font-family: var(--mono); font-size: 12.5px; white-space: pre-wrap; overflow-wrap: anywhere; }
        @media (max-width: 640px) { main, header { padding-left: 12px; padding-right: 12px; } }
        """#

    private static let script = #"""
        "use strict";
        const byID = id => document.getElementById(id);

        // Children are nodes or text; text never becomes markup.
        const make = (name, attributes = {}, ...children) => {
          const node = document.createElement(name);
          for (const [key, value] of Object.entries(attributes)) {
            if (value === undefined || value === null || value === false) continue;
            if (typeof value === "function") node.addEventListener(key, value);
            else node.setAttribute(key, value === true ? "" : value);
          }
          node.append(...children.flat().filter(child => child !== null && child !== undefined));
          return node;
        };
        const show = (id, ...children) => byID(id).replaceChildren(...children);

        // Characters that can't be seen, or turn the direction of writing, are spelt out.
        const shown = text => text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
          c => ({"\t": "\\t", "\n": "\\n", "\r": "\\r"})[c] || "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

        const size = bytes => {
          if (bytes < 1024) return bytes + " B";
          let value = bytes, unit = -1;
          while (value >= 1024 && unit < 4) { value /= 1024; unit++; }
          return value.toFixed(value < 10 ? 1 : 0) + " " + ["KiB", "MiB", "GiB", "TiB", "PiB"][unit];
        };
        const sizeOf = bytes => make("span", {title: bytes.toLocaleString() + " bytes"}, size(bytes));
        const time = text => make("time", {datetime: text, title: text, class: "nowrap"},
          text.slice(0, 10) === new Date().toISOString().slice(0, 10) ? text.slice(11, 19) : text.slice(0, 19).replace("T", " "));
        const badge = (kind, text) => make("span", {class: "badge " + kind}, text);

        const table = (heads, rows, attributes = {}) => make("div", {class: "scroll"}, make("table", attributes,
          make("thead", {}, make("tr", {}, heads.map(head => make("th", {scope: "col", class: head.startsWith("#") ? "n" : null},
            head.replace("#", ""))))),
          make("tbody", {}, rows)));
        const cell = (...children) => make("td", {}, ...children);
        const number = (...children) => make("td", {class: "n"}, ...children);
        const row = (...cells) => make("tr", {}, ...cells);
        const empty = text => make("p", {class: "empty"}, text);
        const facts = pairs => pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
          .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));

        const ask = async path => {
          const reply = await fetch(path);
          const answer = await reply.json();
          if (!reply.ok) throw new Error(answer.error || reply.status);
          return answer;
        };

        // What was drawn last, so that nothing is drawn anew that hasn't changed.
        const drawn = {};
        const changed = (name, value) => {
          const text = JSON.stringify(value);
          if (drawn[name] === text) return false;
          drawn[name] = text;
          return true;
        };

        // MARK: Buckets and objects

        const place = {bucket: null, prefix: "", pages: [""]};
        const link = (bucket, prefix = "") => "#/" + encodeURIComponent(bucket) + "/" + encodeURIComponent(prefix);

        const drawState = state => {
          if (!changed("state", {...state, now: null})) return;
          show("facts", ...facts([
            ["endpoint", state.endpoint], ["region", state.region], ["objects in", state.data || "memory"],
            ["clock", state.clockOffset ? (state.clockOffset > 0 ? "+" : "") + state.clockOffset + " s" : null],
            ["instance metadata", state.metadata.mode === "open" ? null : state.metadata.mode],
          ]));
          show("buckets", state.buckets.length === 0 ? empty("There is no bucket yet.") : table(
            ["Name", "#Objects", "#Size", "#Uploads", "ACL", "Storage class", "Versioning", "Created"],
            state.buckets.map(bucket => row(
              cell(make("a", {href: link(bucket.name), class: "mono"}, bucket.name)),
              number(bucket.objects.toLocaleString()), number(sizeOf(bucket.size)), number(bucket.uploads.toLocaleString()),
              cell(bucket.acl === "private" ? bucket.acl : badge("warn", bucket.acl)), cell(bucket.storageClass),
              cell(bucket.versioning || "–", bucket.versioning ? make("span", {class: "soft"}, " " + bucket.versions + " versions") : null),
              cell(time(bucket.created))))));
        };

        const crumbs = () => {
          const parts = place.prefix.split("/");
          const rest = parts.pop();
          let prefix = "";
          return [make("a", {href: "#"}, "Buckets"), " / ", make("a", {href: link(place.bucket)}, place.bucket),
            ...parts.flatMap(part => {
              prefix += part + "/";
              return [" / ", make("a", {href: link(place.bucket, prefix)}, make("bdi", {}, shown(part)))];
            }), rest ? " / " + shown(rest) : null].filter(part => part !== null);
        };

        const drawObjects = bucket => {
          if (!changed("bucket", [place, bucket])) return;
          byID("browser").hidden = false;
          show("path", ...crumbs());
          const name = key => make("bdi", {}, shown(key.slice(place.prefix.length) || key));
          const rows = bucket.items.map(item => item.prefix !== undefined
            ? row(make("td", {class: "key", colspan: 6}, make("a", {href: link(place.bucket, item.prefix)}, name(item.prefix))))
            : row(
              make("td", {class: "key", title: shown(item.key)}, name(item.key), item.deleted ? " " : null,
                item.deleted ? badge("warn", "deleted") : null,
                item.versions > 1 ? make("span", {class: "soft"}, " " + item.versions + " versions") : null),
              number(sizeOf(item.size)), cell(item.type), cell(item.contentType), cell(time(item.modified)),
              make("td", {class: "mono"}, item.etag)));
          const turn = pages => () => { place.pages = pages; refresh(); };
          show("objects",
            rows.length === 0 ? empty("There is no object here.")
              : table(["Key", "#Size", "Type", "Content type", "Modified", "ETag"], rows),
            place.pages.length > 1 || bucket.next !== null ? make("div", {class: "pages"},
              make("button", {type: "button", disabled: place.pages.length < 2, click: turn(place.pages.slice(0, -1))}, "Back"),
              make("button", {type: "button", disabled: bucket.next === null, click: turn([...place.pages, bucket.next])}, "Next"),
              make("span", {class: "soft"}, "page " + place.pages.length)) : "");
          show("uploads", ...(bucket.uploads.length === 0 ? [] : [make("h3", {}, "Uploads in progress"),
            ...bucket.uploads.map(upload => make("details", {open: bucket.uploads.length < 4},
              make("summary", {}, make("bdi", {class: "mono"}, shown(upload.key)), " ",
                make("span", {class: "soft"}, upload.partCount + (upload.partCount === 1 ? " part, " : " parts, ")
                  + size(upload.size) + ", since ", time(upload.initiated), ", ", make("span", {class: "mono"}, upload.uploadId))),
              upload.parts.length === 0 ? empty("No part has arrived.") : table(["#Part", "#Size", "Arrived", "ETag"],
                upload.parts.map(part => row(number(part.number), number(sizeOf(part.size)), cell(time(part.modified)),
                  make("td", {class: "mono"}, part.etag))))))]));
        };

        // MARK: Faults

        const drawFaults = rules => {
          if (!changed("faults", rules)) return;
          byID("rules").hidden = rules.length === 0;
          show("faults", table(["Rule", "Match", "Fault", "#Matched", "#Injected", ""], rules.map(rule => row(
            cell(rule.id), make("td", {class: "mono"}, rule.match ? JSON.stringify(rule.match) : "every request"),
            make("td", {class: "mono"}, JSON.stringify(rule.fault)), number(rule.matched), number(rule.injected),
            cell(make("button", {type: "button", click: async () => {
              await fetch("/faults/" + encodeURIComponent(rule.id), {method: "DELETE"});
              refresh();
            }}, "remove"))))));
        };

        // MARK: Requests

        const open = new Map();
        let limit = 100;

        const scheme = request => ({v1Header: "V1", v4Header: "V4", v1Query: "V1 URL", v2Header: "V2", v2Query: "V2 URL", v4Query: "V4 URL", v1Form: "V1 form",
          v4Form: "V4 form", rpc: "RPC", acs3: "ACS3"})[request.signature] || request.signature;
        const outcome = request => ({
          valid: () => badge("good", scheme(request)), anonymous: () => badge("", "anonymous"),
          mismatch: () => badge("bad", scheme(request) + " does not match"),
          refused: () => badge("warn", scheme(request) + " refused"),
        }[request.outcome] || (() => badge("", "not checked")))();
        const status = request => request.status === 0 ? badge("", "lost")
          : badge(request.status < 300 ? "good" : request.status < 400 ? "" : request.status < 500 ? "warn" : "bad", request.status);

        // The lines that both have stand beside each other.
        const align = (left, right) => {
          if (left.length === right.length) return left.map((line, index) => [line, right[index]]);
          const lengths = Array.from({length: left.length + 1}, () => new Uint16Array(right.length + 1));
          for (let i = left.length - 1; i >= 0; i--)
            for (let j = right.length - 1; j >= 0; j--)
              lengths[i][j] = left[i] === right[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
          const rows = [];
          let i = 0, j = 0, removed = [], added = [];
          const flush = () => {
            for (let k = 0; k < Math.max(removed.length, added.length); k++) rows.push([removed[k], added[k]]);
            removed = []; added = [];
          };
          while (i < left.length || j < right.length) {
            if (i < left.length && j < right.length && left[i] === right[j]) { flush(); rows.push([left[i++], right[j++]]); }
            else if (j >= right.length || i < left.length && lengths[i + 1][j] >= lengths[i][j + 1]) removed.push(left[i++]);
            else added.push(right[j++]);
          }
          flush();
          return rows;
        };

        // A line with what differs from its neighbour marked.
        const marked = (line, other) => {
          if (line === undefined) return [];
          if (other === undefined) return [make("mark", {}, shown(line) || "(an empty line)")];
          let start = 0, end = 0;
          const most = Math.min(line.length, other.length);
          while (start < most && line[start] === other[start]) start++;
          while (end < most - start && line[line.length - 1 - end] === other[other.length - 1 - end]) end++;
          const middle = line.slice(start, line.length - end);
          return [shown(line.slice(0, start)), make("mark", {}, shown(middle) || "\u200b"), shown(line.slice(line.length - end))];
        };

        const diff = (title, left, right) => {
          const rows = align(left.split("\n"), right.split("\n"));
          return [make("h3", {}, title), make("table", {class: "diff"},
            make("thead", {}, make("tr", {}, make("th", {scope: "col"}, "The server"), make("th", {scope: "col"}, "The client"))),
            make("tbody", {}, rows.map(([a, b]) => a === b ? row(cell(shown(a) || "\u00a0"), cell(shown(b) || "\u00a0"))
              : row(make("td", {class: a === undefined ? null : "removed"}, ...marked(a, b)),
                make("td", {class: b === undefined ? null : "added"}, ...marked(b, a))))))];
        };

        const compare = (diagnosis, other) => [
          diagnosis.canonicalRequest !== null ? diff("Canonical request", diagnosis.canonicalRequest, other.canonicalRequest) : [],
          diff("String to sign", diagnosis.stringToSign, other.stringToSign),
          diagnosis.stringToSign === other.stringToSign ? empty("Both signed the same text, with different keys.") : [],
        ].flat();

        const lines = text => text.split("\n").map(shown).join("\n");
        const drawDiagnosis = diagnosis => {
          const result = make("div");
          const choose = other => result.replaceChildren(...compare(diagnosis, other));
          const say = make("p", {class: diagnosis.client ? "say" : "say none"}, shown(diagnosis.explanation));
          const signature = facts([["signature", shown(diagnosis.signature)]]);
          if (diagnosis.client) {
            choose(diagnosis.client);
            return [say, make("dl", {}, signature), result];
          }
          const own = () => result.replaceChildren(
            ...(diagnosis.canonicalRequest === null ? [] : [make("h3", {}, "Canonical request"), make("pre", {}, lines(diagnosis.canonicalRequest))]),
            make("h3", {}, "String to sign"), make("pre", {}, lines(diagnosis.stringToSign)));
          const select = make("select", {change: event => {
            if (event.target.value) choose(diagnosis.others[event.target.value]); else own();
          }}, make("option", {value: ""}, "as the server does"),
            diagnosis.others.map((other, index) => make("option", {value: index}, shown(other.mistake))));
          own();
          return [say, make("dl", {}, signature), make("label", {class: "compare"}, "A client that signed", select), result];
        };

        const detail = request => {
          const target = make("div");
          const draw = full => target.replaceChildren(make("dl", {}, facts([
            ["request", shown(request.method + " " + request.path)], ["request ID", request.id], ["time", request.time],
            ["client", request.client], ["user agent", request.userAgent && shown(request.userAgent)],
            ["access key ID", request.accessKeyId && shown(request.accessKeyId)],
            ["error", request.code && shown(request.code + (request.message ? ": " + request.message : ""))],
            ["fault", request.fault && shown(request.fault)],
            ["received, sent", size(request.received) + ", " + size(request.sent) + (request.broken ? ", broken off" : "")],
          ])), ...(full && full.diagnosis ? drawDiagnosis(full.diagnosis) : []));
          draw(null);
          if (request.outcome === "mismatch") ask("/requests/" + encodeURIComponent(request.id)).then(draw, () => {});
          return make("tr", {class: "detail"}, make("td", {colspan: 9}, target));
        };

        let requests = [];
        const drawRequests = force => {
          const words = byID("search").value.toLowerCase().split(/\s+/).filter(word => word);
          const wanted = requests.filter(request => (!byID("failed").checked || request.status === 0 || request.status >= 400)
            && words.every(word => JSON.stringify(Object.values(request)).toLowerCase().includes(word)));
          if (!changed("requests", wanted) && !force) return;
          for (const id of [...open.keys()]) if (!requests.some(request => request.id === id)) open.delete(id);
          show("requests", wanted.length === 0 ? empty("There is no request to show.") : table(
            ["Time", "Operation", "Bucket", "Key", "Status", "Error", "Signature", "#ms", "Fault"],
            wanted.flatMap(request => {
              const isOpen = open.has(request.id);
              if (isOpen && !open.get(request.id)) open.set(request.id, detail(request));
              const toggle = () => {
                if (isOpen) open.delete(request.id); else open.set(request.id, null);
                drawRequests(true);
              };
              const head = make("tr", {class: "row", click: event => { if (!getSelection().toString()) toggle(); }},
                make("td", {class: "nowrap"}, make("button", {type: "button", "aria-expanded": String(isOpen)},
                  request.time.slice(11, 19))),
                make("td", {class: "nowrap"}, request.operation || request.method), make("td", {class: "mono nowrap"}, shown(request.bucket || "")),
                make("td", {class: "key"}, make("bdi", {}, shown(request.key || ""))), cell(status(request)),
                cell(shown(request.code || "")), cell(outcome(request)), number(request.milliseconds),
                make("td", {class: "mono"}, shown(request.fault || "")));
              return isOpen ? [head, open.get(request.id)] : [head];
            })));
        };

        // MARK: Refreshing

        let running = false, again = false;
        const refresh = async () => {
          if (running) { again = true; return; }
          running = true;
          const live = byID("live");
          try {
            const query = new URLSearchParams({prefix: place.prefix, delimiter: "/", after: place.pages.at(-1)});
            const [state, answer, rules, bucket] = await Promise.all([
              ask("/state"), ask("/requests?limit=" + limit), ask("/faults"),
              place.bucket === null ? null : ask("/state/" + encodeURIComponent(place.bucket) + "?" + query).catch(() => null)]);
            requests = answer.requests;
            drawState(state);
            drawFaults(rules.faults);
            if (bucket !== null) drawObjects(bucket); else { byID("browser").hidden = true; drawn.bucket = null; }
            drawRequests(false);
            live.textContent = "live";
            live.className = "on";
          } catch (error) {
            live.textContent = "no answer from the emulator";
            live.className = "off";
          }
          running = false;
          if (again) { again = false; refresh(); }
        };

        const follow = () => {
          const [, bucket, prefix] = location.hash.match(/^#\/([^/]+)\/(.*)$/) || [];
          try {
            place.bucket = bucket === undefined ? null : decodeURIComponent(bucket);
            place.prefix = prefix === undefined ? "" : decodeURIComponent(prefix);
          } catch { place.bucket = null; }
          place.pages = [""];
          const request = location.hash.match(/^#request=(\w[\w-]*)$/);
          if (request) open.set(request[1], null);
          refresh();
        };
        addEventListener("hashchange", follow);
        document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
        byID("search").addEventListener("input", () => drawRequests(false));
        byID("failed").addEventListener("change", () => drawRequests(false));
        byID("all").addEventListener("click", event => { limit = 500; event.target.hidden = true; refresh(); });
        setInterval(() => { if (!document.hidden) refresh(); }, 2000);
        follow();
        """#
}
