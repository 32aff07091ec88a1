export default function History() {
  return <p id="history">counted since v{process.env.VERSION}</p>;
}
