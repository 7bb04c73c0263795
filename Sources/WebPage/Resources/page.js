const status = await (await fetch('/api/v1/status?format=text')).text();
document.getElementById('status').textContent = status;
