(() => {
  'use strict';
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const said = document.getElementById('said');

  // Without this script the buttons would do nothing, so they are not shown.
  all('.languages, .commands button').forEach((x) => { x.hidden = false; });

  const show = (lang) => {
    const from = document.querySelector('main:not([hidden])');
    const to = document.getElementById(lang);
    if (from === to) return;
    const open = all('details', from).map((d) => d.open);
    all('details', to).forEach((d, i) => { d.open = open[i]; });
    from.hidden = true;
    to.hidden = false;
    document.documentElement.lang = lang;
    document.title = to.dataset.title;
    all('button[data-lang]').forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.lang === lang)));
  };

  // Where a browser keeps its clipboard from a file, the commands are selected.
  const copy = async (button) => {
    const block = button.parentElement.querySelector('code');
    let done = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(block.textContent);
    } catch {
      getSelection().selectAllChildren(block);
      if (!document.execCommand('copy')) done = button.dataset.selected;
    }
    const label = button.dataset.label ??= button.textContent;
    button.textContent = said.textContent = done;
    setTimeout(() => { button.textContent = label; said.textContent = ''; }, 2000);
  };

  document.addEventListener('click', (e) => {
    const button = e.target.closest('button');
    if (button?.dataset.lang) show(button.dataset.lang);
    else if (button?.dataset.copy) copy(button);
  });

  // A link to a fault opens the fold that it is in.
  addEventListener('hashchange', () => {
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest('details')?.setAttribute('open', '');
  });

  // Paper has no folds. Newer browsers do this by the style alone.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    closed.forEach((d) => { d.open = true; });
  });
  addEventListener('afterprint', () => {
    closed.forEach((d) => { d.open = false; });
    closed = [];
  });
})();
