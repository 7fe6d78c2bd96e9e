// Draws /openapi.json. Text is only ever set as text, so nothing in the document can become markup.
"use strict";

const make = (tag, text, ...children) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children.filter(Boolean));
  return node;
};

const pretty = (value) => JSON.stringify(value, null, 2);

const shortType = (schema, doc) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map((s) => shortType(s, doc)))].join(" | ");
  if (schema.type === "array") return `list of ${shortType(schema.items, doc)}`;
  return schema.format || schema.type || "any";
};

const resolve = (schema, doc) =>
  schema && schema.$ref ? doc.components.schemas[schema.$ref.split("/").pop()] : schema;

const bounds = (s) =>
  [["minimum", "≥"], ["maximum", "≤"], ["minLength", "length ≥"], ["maxLength", "length ≤"], ["pattern", "pattern"]]
    .filter(([name]) => s[name] !== undefined).map(([name, sign]) => `${sign} ${s[name]}`).join(", ");

const table = (head, rows) => {
  const body = make("tbody");
  for (const row of rows) body.append(make("tr", "", ...row.map((cell) => (cell instanceof Node ? make("td", "", cell) : make("td", cell)))));
  return make("table", "", make("thead", "", make("tr", "", ...head.map((h) => make("th", h)))), body);
};

const fields = (schema, doc) => {
  const whole = resolve(schema, doc);
  if (!whole || !whole.properties) return make("p", shortType(schema, doc));
  const needed = new Set(whole.required || []);
  return table(["field", "type", "", "meaning"], Object.entries(whole.properties).map(([name, s]) => {
    const given = s.anyOf && !s.description ? s.anyOf.find((inner) => inner.type !== "null") || s : s;
    return [make("code", name), shortType(s, doc), needed.has(name) ? "required" : "", [given.description, bounds(given)].filter(Boolean).join(" ")];
  }));
};

const send = async (path, method, inputs, body, out) => {
  const query = new URLSearchParams();
  const headers = { Authorization: `Bearer ${document.getElementById("key").value}` };
  for (const [parameter, input] of inputs) {
    if (!input.value) continue;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    if (parameter.in === "query") query.set(parameter.name, input.value);
    if (parameter.in === "header") headers[parameter.name] = input.value;
  }
  if (body) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path + (query.size ? `?${query}` : ""), { method, headers, body: body && body.value });
    const text = await answer.text();
    let shown = text;
    try { shown = pretty(JSON.parse(text)); } catch { /* shown as it is */ }
    out.textContent = `${answer.status}\n${shown}`;
  } catch (error) {
    out.textContent = String(error);
  }
};

const operation = (path, method, op, doc) => {
  const box = make("details", "", make("summary", "", make("span", method.toUpperCase()), make("code", path), make("span", ` – ${op.summary}`)));
  box.id = op.operationId;
  box.querySelector("span").className = "method";
  box.append(make("p", op.description));
  if (op["x-scope"]) box.append(make("p", `Scope: ${op["x-scope"]}`));
  const inputs = op.parameters.map((parameter) => {
    const input = make("input");
    if (parameter.name === "Idempotency-Key") input.value = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    return [parameter, input];
  });
  if (inputs.length) {
    box.append(make("h4", "Parameters"), table(["name", "in", "type", "meaning", "value"], inputs.map(([p, input]) =>
      [make("code", p.name), p.in, shortType(p.schema, doc), `${p.required ? "Required. " : ""}${p.description || ""}`, input])));
  }
  let body;
  if (op.requestBody) {
    const media = op.requestBody.content["application/json"];
    body = make("textarea");
    body.value = media.example ? pretty(media.example) : "{}";
    box.append(make("h4", "Body"), fields(media.schema, doc), body);
  }
  const out = make("pre");
  const button = make("button", "Send");
  button.type = "button";
  button.addEventListener("click", () => send(path, method.toUpperCase(), inputs, body, out));
  const [status, first] = Object.entries(op.responses)[0];
  const media = first.content["application/json"];
  box.append(make("p", "", button), out, make("h4", `Answer ${status}`), fields(media.schema, doc));
  if (media.example) box.append(make("pre", pretty(media.example)));
  box.append(make("h4", "Problems"), make("p", Object.entries(op.responses).slice(1).map(([s, r]) => `${s}: ${r.description}`).join(" ")));
  return box;
};

const draw = (doc) => {
  document.getElementById("title").textContent = `${doc.info.title} ${doc.info.version}`;
  const byTag = new Map();
  for (const [path, methods] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(methods)) {
      if (!byTag.has(op.tags[0])) byTag.set(op.tags[0], []);
      byTag.get(op.tags[0]).push(operation(path, method, op, doc));
    }
  }
  const main = document.getElementById("operations");
  const index = make("ul");
  main.replaceChildren();
  for (const [tag, boxes] of byTag) {
    const heading = make("h2", tag);
    heading.id = `tag-${tag}`;
    const link = make("a", tag);
    link.href = `#${heading.id}`;
    index.append(make("li", "", link));
    main.append(heading, ...boxes);
  }
  document.getElementById("index").append(index);
};

fetch("/openapi.json").then((answer) => answer.json()).then(draw);
