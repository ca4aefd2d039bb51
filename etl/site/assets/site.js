// Search, filters, highlighted links. Everything can be read without it.
(function () {
  "use strict";
  var script = document.currentScript || document.querySelector("script[data-root]");
  var root = script.dataset.root;
  var box = document.getElementById("q"), hits = document.getElementById("hits");
  var loading = null, active = -1;

  // The index is a script: a page opened as a file may load scripts, but fetch nothing.
  function index() {
    if (!loading) {
      loading = new Promise(function (done) {
        if (window.JICHU) { done(window.JICHU); return; }
        var s = document.createElement("script");
        s.src = root + "assets/index.js";
        s.onload = function () { done(window.JICHU); };
        document.head.appendChild(s);
      });
    }
    return loading;
  }

  function rank(entry, words) {
    var name = entry[1].toLowerCase(), code = entry[2].toLowerCase(), points = 0;
    for (var i = 0; i < words.length; i++) {
      var w = words[i], tail = code.split(".").pop();
      if (name === w || code === w || tail === w) points += 0;
      else if (name.indexOf(w) === 0 || code.indexOf(w) === 0) points += 2;
      else if (tail.indexOf(w) === 0) points += 3;
      else if (name.indexOf(w) > 0) points += entry[0] < 5 ? 2 : 4; // 身份号码 is meant by 公民身份号码
      else if (code.indexOf(w) > 0) points += 6;
      else return -1;
    }
    var order = [0, 0, 0, 0, 0, 4, 3, 6, 2, 5, 3, 3, 6];
    var inner = /^(staging|match|mask|masked|division|received)\./.test(code) ? 7 : 0; // what analysts read stands first
    return points * 10 + order[entry[0]] * 3 + inner + Math.min(9, name.length / 10);
  }

  function show(data, text) {
    var words = text.toLowerCase().split(/\s+/).filter(Boolean);
    hits.textContent = "";
    active = -1;
    if (!words.length) { close(); return; }
    var found = [];
    data.entries.forEach(function (e) { var r = rank(e, words); if (r >= 0) found.push([r, e]); });
    found.sort(function (a, b) { return a[0] - b[0]; });
    found.slice(0, 40).forEach(function (f, n) {
      var a = document.createElement("a"), kind = document.createElement("span"), code = document.createElement("code");
      a.href = root + f[1][3];
      a.id = "hit" + n;
      a.setAttribute("role", "option");
      a.tabIndex = -1;
      kind.className = "kind";
      kind.textContent = data.kinds[f[1][0]];
      code.textContent = f[1][2];
      a.append(kind, document.createTextNode(f[1][1] + " "), code);
      hits.appendChild(a);
    });
    var foot = document.createElement("p");
    foot.textContent = found.length ? (found.length > 40 ? "共 " + found.length + " 条，只列前 40 条；多写几个字" : "共 " + found.length + " 条") : "没有找到；换一个词，或看数据字典";
    hits.appendChild(foot);
    hits.hidden = false;
    box.setAttribute("aria-expanded", "true");
  }

  function close() {
    hits.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function move(step) {
    var options = hits.querySelectorAll("a");
    if (!options.length) return;
    if (active >= 0) options[active].classList.remove("on");
    active = (active + step + options.length) % options.length;
    options[active].classList.add("on");
    options[active].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", options[active].id);
  }

  box.addEventListener("focus", index);
  box.addEventListener("input", function () { index().then(function (d) { show(d, box.value); }); });
  box.addEventListener("keydown", function (e) {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); move(e.key === "ArrowDown" ? 1 : -1); }
    else if (e.key === "Escape") { close(); }
    else if (e.key === "Enter") {
      e.preventDefault();
      var options = hits.querySelectorAll("a");
      if (options.length) { location.href = options[Math.max(active, 0)].href; close(); }
    }
  });
  box.form.addEventListener("submit", function (e) { e.preventDefault(); });
  document.addEventListener("click", function (e) { if (!box.form.contains(e.target)) close(); });
  document.addEventListener("keydown", function (e) {
    if (e.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { e.preventDefault(); box.focus(); }
  });

  // Long tables get a box that hides the rows without the words.
  document.querySelectorAll("table[data-filter]").forEach(function (table) {
    var input = document.createElement("input");
    input.type = "search";
    input.className = "filter";
    input.placeholder = "筛选：" + table.dataset.filter;
    input.setAttribute("aria-label", input.placeholder);
    table.parentNode.before(input);
    input.addEventListener("input", function () {
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (w) { return text.indexOf(w) >= 0; });
      });
    });
  });

  // A graph shows the way through the box that is pointed at: all that leads to it, all that it leads to.
  document.querySelectorAll(".graph").forEach(function (graph) {
    var links = Array.prototype.slice.call(graph.querySelectorAll(".link"));
    function follow(start, from, to, into) {
      var queue = [start];
      while (queue.length) {
        var n = queue.pop();
        links.forEach(function (l) {
          if (l.dataset[from] === n && !into.has(l)) { into.add(l); queue.push(l.dataset[to]); }
        });
      }
    }
    graph.querySelectorAll(".node").forEach(function (node) {
      function light() {
        var lit = new Set(), near = new Set([node.dataset.n]);
        follow(node.dataset.n, "a", "b", lit);
        follow(node.dataset.n, "b", "a", lit);
        links.forEach(function (l) {
          l.classList.toggle("lit", lit.has(l));
          if (lit.has(l)) { near.add(l.dataset.a); near.add(l.dataset.b); }
        });
        graph.querySelectorAll(".node").forEach(function (o) { o.classList.toggle("far", !near.has(o.dataset.n)); });
        graph.classList.add("lighting");
      }
      function dim() {
        graph.classList.remove("lighting");
        graph.querySelectorAll(".lit,.far").forEach(function (o) { o.classList.remove("lit", "far"); });
      }
      node.addEventListener("mouseenter", light);
      node.addEventListener("mouseleave", dim);
      node.addEventListener("focusin", light);
      node.addEventListener("focusout", dim);
    });
  });

  // dictionary/index.html#population.person.citizen_id leads to the column's own page; a target inside a closed part opens it.
  function arrive() {
    var id = decodeURIComponent(location.hash.slice(1));
    if (!id) return;
    var target = document.getElementById(id);
    if (target) {
      for (var p = target.parentElement; p; p = p.parentElement) if (p.tagName === "DETAILS" && !p.open) p.open = true;
      target.scrollIntoView();
      return;
    }
    if (/dictionary\/index\.html$/.test(location.pathname)) {
      index().then(function (d) {
        var hit = d.entries.find(function (e) { return e[2] === id && (e[0] === 3 || e[0] === 4) || e[3].split("#")[1] === id && e[3].indexOf("dictionary/") === 0; });
        if (hit) location.replace(root + hit[3]);
      });
    }
  }
  window.addEventListener("hashchange", arrive);
  arrive();
})();
