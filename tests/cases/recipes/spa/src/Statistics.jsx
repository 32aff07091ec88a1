export default function Statistics({ cards }) {
  return <p id="statistics">{`${cards.length} cards, counted by v${__VERSION__}`}</p>;
}
