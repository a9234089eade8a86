"""The one script of the list of feeds: a filter, and buttons that copy an address. Without it the page is whole, only longer to search."""

from __future__ import annotations

#: Words come from data attributes of `<body>`; `data-base` is where relative addresses are published, wherever the page itself lies.
#: `navigator.clipboard` exists on https and on this machine alone: the old way stands in.
INDEX_SCRIPT = """
'use strict';
(() => {
const words = document.body.dataset, said = document.getElementById('said');
const say = text => { said.textContent = ''; setTimeout(() => { said.textContent = text; }, 50); };
document.documentElement.classList.add('js');

for (const link of document.querySelectorAll('.row > a')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.title = words.copy;
  button.setAttribute('aria-label', words.copyOf.replace('{}', link.firstElementChild.textContent));
  link.parentNode.append(button);
}
const take = document.querySelector('.take');
if (take) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = words.copy;
  take.append(button);
  take.firstElementChild.addEventListener('focus', event => event.target.select());
}

const copyOldWay = text => {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'out';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done ? Promise.resolve() : Promise.reject();
};
const copy = text => navigator.clipboard ? navigator.clipboard.writeText(text).catch(() => copyOldWay(text)) : copyOldWay(text);
document.addEventListener('click', async event => {
  const button = event.target.closest('.row button, .take button');
  if (!button) return;
  const source = button.parentNode.firstElementChild;
  try { await copy(source.value || new URL(source.getAttribute('href'), words.base || document.baseURI).href); } catch { return; }
  button.focus();
  button.classList.add('done');
  if (button.textContent) button.textContent = words.copied;
  say(words.copied);
  setTimeout(() => {
    button.classList.remove('done');
    if (button.textContent) button.textContent = words.copy;
  }, 2000);
});

const reveal = item => {
  for (let above = item.closest('details'); above; above = above.parentNode.closest('details')) above.open = true;
};
const aim = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target) { reveal(target); target.scrollIntoView({block: 'center'}); }
};
addEventListener('hashchange', aim);
if (location.hash) aim();

const tools = document.querySelector('.tools');
if (!tools) return;
const [field, all] = [tools.querySelector('input'), tools.querySelector('button')];
const folds = [...document.querySelectorAll('details')];
const items = [...document.querySelectorAll('.row')].map(row => (
  {element: row.parentNode, text: row.firstElementChild.textContent.toLowerCase(), above: row.parentNode.parentNode.closest('li')}));
const places = new Map(items.map(item => [item.element, item]));
tools.hidden = false;
all.hidden = !folds.length;
const label = () => { all.textContent = folds.every(fold => fold.open) ? words.collapse : words.expand; };
label();
all.addEventListener('click', () => {
  const isOpen = !folds.every(fold => fold.open);
  for (const fold of folds) fold.open = isOpen;
  label();
});

let before = null, timer = 0;
const filter = () => {
  const wanted = field.value.trim().toLowerCase();
  if (!before) before = folds.map(fold => fold.open);
  let count = 0;
  for (const item of items) {
    const above = places.get(item.above);
    item.hit = !!wanted && item.text.includes(wanted);
    item.below = !!above && (above.hit || above.below);
    item.holds = false;
    if (item.hit) count += 1;
  }
  for (const item of items.slice().reverse()) {
    const above = places.get(item.above);
    if (above && (item.hit || item.holds)) above.holds = true;
    item.element.hidden = !!wanted && !item.hit && !item.holds && !item.below;
  }
  folds.forEach((fold, number) => { fold.open = wanted ? !!places.get(fold.parentNode)?.holds : before[number]; });
  for (const part of document.querySelectorAll('main > section:not(.all)')) part.hidden = !part.querySelector('li:not([hidden])');
  document.querySelector('.nothing').hidden = !wanted || count > 0;
  if (!wanted) before = null;
  label();
  clearTimeout(timer);
  if (wanted) timer = setTimeout(() => say(count ? words.found.replace('{}', count) : words.foundNone), 600);
};
field.addEventListener('input', filter);
field.addEventListener('keydown', event => { if (event.key === 'Escape' && field.value) { field.value = ''; filter(); } });
if (field.value) filter();
})();
"""
