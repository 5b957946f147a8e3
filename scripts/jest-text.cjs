// Lua, HTML and CSS are imported as text, as the bundler does it.
module.exports = { process: (text) => ({ code: `module.exports = ${JSON.stringify(text)};` }) };
